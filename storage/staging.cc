#include "storage/staging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/random.h"
#include "storage/content.h"
#include "storage/gc.h"

namespace wolffia {
namespace {

bool IsStagingId(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Error NotWritable(const Store& store, Error cause) {
  cause.what = "the store " + store.root_path() + " cannot be written: " + cause.what;
  return cause;
}

// Others may be removing the same tree: then it is gone, which is what was asked for.
Result<> RemoveShared(int root, const std::string& path) {
  Result<> removed;
  for (int attempt = 0; attempt < 10; ++attempt) {
    removed = RemoveTreeAt(root, path);
    if (removed || (removed.error().code != Code::kNotFound && removed.error().code != Code::kExists)) break;
  }
  return removed;
}

// The lock is removed last: a directory without a lock is dead.
Result<> SweepLocked(int root, const std::string& id) {
  const std::string lock_path = "tmp/" + id + ".lock";
  auto lock = TRY(FileLock::TryAcquire(root, lock_path));
  if (!lock) return {};
  TRY(RemoveShared(root, "tmp/" + id));
  unlinkat(root, lock_path.c_str(), 0);
  return {};
}

Result<> SweepEntry(const Store& store, const std::string& name) {
  if (name.ends_with(".lock") && IsStagingId(std::string_view(name).substr(0, name.size() - 5)))
    return SweepLocked(store.root(), name.substr(0, name.size() - 5));
  if (name.ends_with(".old") || (IsStagingId(name) && !ExistsAt(store.root(), "tmp/" + name + ".lock")))
    return RemoveShared(store.root(), "tmp/" + name);
  return {};
}

}  // namespace

Result<Staging> Staging::Begin(const Store& store, std::string id) {
  if (id.empty()) id = RandomHex(8);
  Staging staging;
  staging.root_ = store.root();
  staging.path_ = "tmp/" + id;
  auto lock = FileLock::TryAcquire(store.root(), staging.path_ + ".lock");
  if (!lock) return std::unexpected(NotWritable(store, std::move(lock.error())));
  if (!*lock) return Fail(Code::kBusy, "the staging directory " + staging.path_ + " is in use");
  staging.lock_ = std::move(**lock);
  if (mkdirat(store.root(), staging.path_.c_str(), 0700) < 0)
    return std::unexpected(NotWritable(store, FailErrno("make directory " + staging.path_).error()));
  staging.directory_ = TRY(OpenDirectory(store.root(), staging.path_));
  return staging;
}

Staging::~Staging() {
  if (!lock_) return;
  directory_.Reset();
  // Mostly it is empty by now: one call instead of a walk.
  if (unlinkat(root_, path_.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) (void)RemoveTreeAt(root_, path_);
  unlinkat(root_, (path_ + ".lock").c_str(), 0);
}

Result<> Staging::Pin(const Digest& digest) const {
  std::string name = "pin." + digest.hex();
  if (mknodat(directory_.get(), name.c_str(), S_IFREG | 0600, 0) < 0 && errno != EEXIST)
    return FailErrno("make " + path_ + "/" + name);
  return {};
}

Result<> Staging::Sweep(const Store& store) {
  auto names = TRY(ListDirectory(store.root(), "tmp"));
  Result<> first;
  for (const std::string& name : names) {
    auto swept = SweepEntry(store, name);
    if (!swept && swept.error().os_errno == EROFS) return {};
    if (!swept && first) first = std::move(swept);
  }
  // A collection was killed, or runs now: in both cases doing it again is right.
  if (std::ranges::any_of(names, [](const std::string& name) { return IsAside(name); })) {
    auto collected = CollectGarbage(store);
    if (!collected && first) first = std::unexpected(collected.error());
  }
  return first;
}

Result<> Staging::Discard(const Store& store, const std::string& path) {
  std::string old = "tmp/" + RandomHex(8) + ".old";
  auto renamed = RenameAt(store.root(), path, store.root(), old);
  if (renamed) return RemoveShared(store.root(), old);
  if (renamed.error().os_errno == ENOENT) return {};
  // A full disk may leave no room for a name in tmp/; removing in place is then all that can be done.
  if (renamed.error().code == Code::kNoSpace) return RemoveShared(store.root(), path);
  return renamed;
}

bool Staging::IsLive(const Store& store, std::string_view id) {
  auto held = FileLock::IsHeld(store.root(), "tmp/" + std::string(id) + ".lock");
  return held && *held;
}

}  // namespace wolffia
