// Links and bytes of plain directories.
#include <fcntl.h>
#include <unistd.h>

#include "storage/overlay/byte_copy.h"
#include "storage/overlay/directory_parts.h"

namespace wolffia {
namespace {

constexpr size_t kMaxTarget = 4095;  // PATH_MAX less the terminator

}  // namespace

Sys<SharedFd> DirectoryLower::OpenFile(LowerId id) {
  HostEntry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (SharedFd open = files_.Get(id)) return open;
  HostSpot spot = TRY(SpotOf(*entry));
  // Not waiting: it may have become a FIFO behind our back.
  Fd fd(openat(spot.dirfd->get(), spot.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return SysFail();
  return files_.Put(id, std::move(fd));
}

Sys<std::string> DirectoryLower::ReadLink(LowerId id) {
  if (Type(id) != S_IFLNK) return SysFail(EINVAL);
  HostSpot spot = TRY(SpotOf(*Find(id)));
  std::string target(kMaxTarget + 1, '\0');
  ssize_t n = readlinkat(spot.dirfd->get(), spot.name, target.data(), target.size());
  if (n < 0 && errno == EINVAL) {  // a file that says it is a link
    SharedFd fd = TRY(OpenFile(id));
    n = pread(fd->get(), target.data(), target.size(), 0);
  }
  if (n < 0) return SysFail();
  if (n == 0 || static_cast<size_t>(n) > kMaxTarget) return SysFail(EIO);
  target.resize(static_cast<size_t>(n));
  return target;
}

Sys<size_t> DirectoryLower::Read(LowerId file, void* buffer, size_t size, uint64_t offset) {
  if (Type(file) != S_IFREG) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  if (offset > INT64_MAX - size) return SysFail(EINVAL);
  auto done = PreadFull(fd->get(), buffer, size, static_cast<off_t>(offset));
  if (!done) return SysFail(done.error().os_errno != 0 ? done.error().os_errno : EIO);
  return *done;
}

Sys<> DirectoryLower::CopyTo(LowerId file, int to) {
  if (Type(file) != S_IFREG) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  struct stat st{};
  if (fstat(fd->get(), &st) != 0) return SysFail();
  auto size = static_cast<uint64_t>(st.st_size);
  bool sparse = static_cast<uint64_t>(st.st_blocks) * 512 < size;
  return sparse ? CopySparse(fd->get(), to, size) : CopyBytes(fd->get(), 0, to, 0, size);
}

Sys<int64_t> DirectoryLower::Seek(LowerId file, int64_t offset, int whence) {
  if (Type(file) != S_IFREG || (whence != SEEK_DATA && whence != SEEK_HOLE)) return SysFail(EINVAL);
  SharedFd fd = TRY(OpenFile(file));
  off_t at = lseek(fd->get(), offset, whence);
  if (at < 0) return SysFail();
  return at;
}

}  // namespace wolffia
