#include "engine/base/fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {

void Fd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);  // EINTR: Linux has closed it all the same
  fd_ = fd;
}

Result<Fd> Fd::Duplicate() const {
  int copy = fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return FailErrno("duplicate a descriptor");
  return Fd(copy);
}

Result<Fd> OpenAt(int dirfd, const std::string& path, int flags, mode_t mode) {
  int fd;
  do fd = openat(dirfd, path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return FailErrno("open " + path);
  return Fd(fd);
}

namespace {

Result<Fd> Openat2(int dirfd, const std::string& path, int flags, mode_t mode, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = resolve;
  long fd;
  // EAGAIN: the tree was renamed while ".." was resolved; the kernel asks to try again (openat2(2)).
  int tries = 0;
  do fd = syscall(SYS_openat2, dirfd, path.c_str(), &how, sizeof how);
  while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 64)));
  if (fd < 0) return FailErrno("open " + path);
  return Fd(static_cast<int>(fd));
}

}  // namespace

Result<Fd> OpenInRoot(int rootfd, const std::string& path, int flags, mode_t mode) {
  return Openat2(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<Fd> OpenWithoutLinks(int dirfd, const std::string& path, int flags, mode_t mode) {
  return Openat2(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<size_t> ReadFull(int fd, void* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, static_cast<char*>(buffer) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<size_t> PreadFull(int fd, void* buffer, size_t size, off_t offset) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = pread(fd, static_cast<char*>(buffer) + done, size - done, offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<> WriteFull(int fd, const void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = write(fd, static_cast<const char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("write");
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<Pipe> MakePipe(int flags) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC | flags) < 0) return FailErrno("make a pipe");
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

}  // namespace wolffia
