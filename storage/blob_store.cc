#include "storage/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/base/random.h"
#include "storage/content.h"

namespace wolffia {

bool BlobStore::Has(const Digest& digest) const {
  return ContentExists(store_, Store::BlobPath(digest));
}

Result<Fd> BlobStore::Open(const Digest& digest) const {
  auto fd = OpenContent(store_, Store::BlobPath(digest));
  if (!fd && fd.error().os_errno == ENOENT)
    return Fail(Code::kNotFound, "blob " + digest.str() + " is not in the store", ENOENT);
  return fd;
}

Result<std::string> BlobStore::Read(const Digest& digest, size_t limit) const {
  Fd fd = TRY(Open(digest));
  return ReadFd(fd.get(), limit, "blob " + digest.str());
}

Result<int64_t> BlobStore::Size(const Digest& digest) const {
  Fd fd = TRY(Open(digest));
  struct stat st;
  if (fstat(fd.get(), &st) < 0) return FailErrno("blob " + digest.str());
  return st.st_size;
}

Result<> BlobStore::Adopt(const Staging& staging, const std::string& name, const Digest& digest) const {
  // A name that exists already is replaced: the bytes are the same, unless the disk has damaged the older
  // ones.
  return PublishFile(store_, staging.dirfd(), name, Store::BlobPath(digest)).With("blob " + digest.str());
}

Result<> BlobStore::Put(const Staging& staging, std::string_view bytes, const Digest& digest) const {
  std::string name = "blob." + RandomHex(8);
  TRY_WITH(CreateFileAt(staging.dirfd(), name, bytes, 0600), "blob " + digest.str());
  return Adopt(staging, name, digest);
}

}  // namespace wolffia
