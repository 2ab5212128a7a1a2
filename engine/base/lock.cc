#include "engine/base/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace wolffia {
namespace {

struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// The file may have been removed between open and lock: then the lock is on a name that no longer exists.
bool StillNamed(int fd, int dirfd, const std::string& path) {
  struct stat held, named;
  return fstat(fd, &held) == 0 && fstatat(dirfd, path.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::TryAcquire(int dirfd, const std::string& path) {
  for (;;) {
    Fd fd = TRY(OpenAt(dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    struct flock lock = WholeFile();
    if (fcntl(fd.get(), F_OFD_SETLK, &lock) < 0) {
      if (errno == EAGAIN || errno == EACCES) return std::optional<FileLock>();
      return FailErrno("lock " + path);
    }
    if (StillNamed(fd.get(), dirfd, path)) return std::optional<FileLock>(FileLock(std::move(fd)));
  }
}

Result<FileLock> FileLock::Acquire(int dirfd, const std::string& path) {
  for (;;) {
    Fd fd = TRY(OpenAt(dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    struct flock lock = WholeFile();
    if (fcntl(fd.get(), F_OFD_SETLKW, &lock) < 0) {
      if (errno == EINTR) continue;
      return FailErrno("lock " + path);
    }
    if (StillNamed(fd.get(), dirfd, path)) return FileLock(std::move(fd));
  }
}

Result<bool> FileLock::IsHeld(int dirfd, const std::string& path) {
  // Read-only: whoever waits for the holder's end by inotify (IN_CLOSE_WRITE) is not woken by those who ask.
  auto fd = OpenAt(dirfd, path, O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().os_errno == ENOENT) return false;
  if (!fd) return std::unexpected(fd.error());
  struct flock lock = WholeFile();
  if (fcntl(fd->get(), F_OFD_GETLK, &lock) < 0) return FailErrno("ask for the lock of " + path);
  return lock.l_type != F_UNLCK;
}

}  // namespace wolffia
