#include "storage/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {
namespace {

constexpr std::string_view kAside = ".aside";

std::string AsidePath(const std::string& path) {
  return "tmp/" + SplitPath(path).second + std::string(kAside);
}

// The inverse of AsidePath: blobs have no suffix, indexes end in .idx.
std::string HomeOf(std::string_view aside_name) {
  std::string name(aside_name.substr(0, aside_name.size() - kAside.size()));
  return (name.ends_with(".idx") ? "index/" : "blobs/sha256/") + name;
}

}  // namespace

bool IsAside(std::string_view name) {
  return name.size() > kAside.size() && name.ends_with(kAside);
}

bool ContentExists(const Store& store, const std::string& path) {
  return ExistsAt(store.root(), path) || RestoreAside(store, path) || ExistsAt(store.root(), path);
}

Result<Fd> OpenContent(const Store& store, const std::string& path) {
  auto fd = OpenAt(store.root(), path, O_RDONLY | O_NOFOLLOW);
  if (fd || fd.error().os_errno != ENOENT || !ContentExists(store, path)) return fd;
  return OpenAt(store.root(), path, O_RDONLY | O_NOFOLLOW);
}

Result<> SetAside(const Store& store, const std::string& path) {
  return RenameAt(store.root(), path, store.root(), AsidePath(path));
}

Result<> DropAside(const Store& store, const std::string& path) {
  if (unlinkat(store.root(), AsidePath(path).c_str(), 0) < 0 && errno != ENOENT)
    return FailErrno("remove " + path);
  return {};
}

bool RestoreAside(const Store& store, const std::string& path) {
  // A new copy may have been adopted meanwhile; the two are the same bytes, so replacing one by the other is
  // harmless.
  return renameat(store.root(), AsidePath(path).c_str(), store.root(), path.c_str()) == 0;
}

void RestoreAllAside(const Store& store, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (IsAside(name)) RestoreAside(store, HomeOf(name));
}

Result<> PublishFile(const Store& store, int staging_dirfd, const std::string& name,
                     const std::string& path) {
  if (store.durability() == Durability::kSafe) {
    Fd file = TRY(OpenAt(staging_dirfd, name, O_RDONLY | O_NOFOLLOW));
    TRY(SyncFd(file.get(), path));
  }
  TRY(RenameAt(staging_dirfd, name, store.root(), path));
  if (store.durability() == Durability::kSafe) {
    std::string directory = SplitPath(path).first;
    Fd fd = TRY(OpenDirectory(store.root(), directory));
    TRY(SyncFd(fd.get(), directory));
  }
  return {};
}

}  // namespace wolffia
