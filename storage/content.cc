#include "storage/content.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {
namespace {

constexpr std::string_view kAside = ".aside";

constexpr size_t kOwnSize = 16 + kAside.size() + 1;  // ".<16 hex>.aside"

// The path that was set aside as `aside_name`: blobs have no suffix, indexes end in .idx.
std::string HomeOf(const std::string& aside_name) {
  std::string name = aside_name.substr(0, aside_name.size() - kOwnSize);
  return (name.ends_with(".idx") ? "index/" : "blobs/sha256/") + name;
}

// A new copy may have been adopted meanwhile; the two are the same bytes, so replacing one by the other is
// harmless.
bool BringBack(const Store& store, const std::string& path) {
  auto names = ListDirectory(store.root(), "tmp");
  if (!names) return false;
  for (const std::string& name : *names)
    if (IsAside(name) && HomeOf(name) == path)
      if (renameat(store.root(), ("tmp/" + name).c_str(), store.root(), path.c_str()) == 0) return true;
  return false;
}

}  // namespace

bool IsAside(std::string_view name) {
  return name.size() > kOwnSize && name.ends_with(kAside);
}

std::string AsidePath(const std::string& path, const std::string& collection) {
  return "tmp/" + SplitPath(path).second + "." + collection + std::string(kAside);
}

Result<> RestoreAside(const Store& store) {
  for (const std::string& name : TRY(ListDirectory(store.root(), "tmp")))
    if (IsAside(name)) renameat(store.root(), ("tmp/" + name).c_str(), store.root(), HomeOf(name).c_str());
  return {};
}

bool ContentExists(const Store& store, const std::string& path) {
  // Between the two looks it may have come back and have been set aside again, by another collection each
  // time.
  for (int attempt = 0; attempt < kContentAttempts; ++attempt)
    if (ExistsAt(store.root(), path) || BringBack(store, path)) return true;
  return false;
}

Result<Fd> OpenContent(const Store& store, const std::string& path) {
  return WithContent(store, path, [&] { return OpenAt(store.root(), path, O_RDONLY | O_NOFOLLOW); });
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
