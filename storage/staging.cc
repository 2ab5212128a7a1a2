#include "storage/staging.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/random.h"

namespace wolffia {
namespace {

constexpr int kPatienceMs = 1000;

Error NotWritable(const Store& store, Error cause) {
  cause.what = "the store " + store.root_path() + " cannot be written: " + cause.what;
  return cause;
}

// A sweep takes the lock of one that has just been made and is not locked yet for that of dead work. It
// removes the file, which takes it no time.
Result<FileLock> LockStaging(const Store& store, const std::string& path) {
  for (int waited = 0;; waited++) {
    auto lock = FileLock::TryAcquire(store.root(), path + ".lock");
    if (!lock) return std::unexpected(NotWritable(store, std::move(lock.error())));
    if (*lock) return std::move(**lock);
    if (waited == kPatienceMs) return Fail(Code::kBusy, "the staging directory " + path + " is in use");
    poll(nullptr, 0, 1);
  }
}

}  // namespace

Result<Staging> Staging::Begin(const Store& store, std::string id) {
  if (id.empty()) id = RandomHex(8);
  Staging staging;
  staging.root_ = store.root();
  staging.path_ = "tmp/" + id;
  staging.lock_ = TRY(LockStaging(store, staging.path_));
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

Result<> Staging::RemoveTree(const Store& store, const std::string& path) {
  constexpr int kAttempts = 10;
  Result<> removed;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    removed = RemoveTreeAt(store.root(), path);
    if (removed || (removed.error().code != Code::kNotFound && removed.error().code != Code::kExists)) break;
  }
  return removed;
}

Result<> Staging::Discard(const Store& store, const std::string& path) {
  std::string old = "tmp/" + RandomHex(8) + ".old";
  auto renamed = RenameAt(store.root(), path, store.root(), old);
  if (renamed) return RemoveTree(store, old);
  if (renamed.error().os_errno == ENOENT) return {};
  // A full disk may leave no room for a name in tmp/; removing in place is then all that can be done.
  if (renamed.error().code == Code::kNoSpace) return RemoveTree(store, path);
  return renamed;
}

bool Staging::IsLive(const Store& store, std::string_view id) {
  auto held = FileLock::IsHeld(store.root(), "tmp/" + std::string(id) + ".lock");
  return held && *held;
}

}  // namespace wolffia
