// FileLock: liveness as a held lock (open file description lock, fcntl(2) F_OFD_SETLK), never as a stored
// word.
//
// The lock belongs to the open file description: it survives exec and is inherited with the descriptor, so
// the CLI can take a container's lock and hand it to the monitor; it ends when the last of them is gone,
// however that ends.
#pragma once

#include <optional>
#include <string>

#include "engine/base/fd.h"

namespace wolffia {

class FileLock {
 public:
  FileLock() = default;
  // Opens (creates, 0600) the file and takes the exclusive lock; nullopt when somebody else holds it.
  static Result<std::optional<FileLock>> TryAcquire(int dirfd, const std::string& path);
  // The same, waiting for it.
  static Result<FileLock> Acquire(int dirfd, const std::string& path);
  // True if somebody holds it. Takes nothing (F_OFD_GETLK). A file that is missing is not held.
  static Result<bool> IsHeld(int dirfd, const std::string& path);
  // Takes over a descriptor on which the lock is held (a donated one).
  static FileLock Adopt(Fd fd) { return FileLock(std::move(fd)); }

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void Release() { fd_.Reset(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace wolffia
