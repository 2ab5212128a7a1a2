// Fd: an owned file descriptor, closed at the end of its life. Always opened with O_CLOEXEC; a descriptor
// crosses exec only through the donation table of Spawn (process.h).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "engine/base/result.h"

namespace wolffia {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}  // takes ownership; -1 is "none"
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

  // A second descriptor of the same open file description.
  Result<Fd> Duplicate() const;

 private:
  int fd_ = -1;
};

// openat(2) with O_CLOEXEC, retried on EINTR. `dirfd` may be AT_FDCWD. The error names the path.
Result<Fd> OpenAt(int dirfd, const std::string& path, int flags, mode_t mode = 0);
inline Result<Fd> Open(const std::string& path, int flags, mode_t mode = 0);

// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: `path` is resolved as if `rootfd` were "/",
// whatever symlinks the tree below it has. For every path that a container or an image chose.
Result<Fd> OpenInRoot(int rootfd, const std::string& path, int flags, mode_t mode = 0);

// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS: a link or ".." on the way is an error (ELOOP,
// EXDEV). For trees of the host below which foreign names are read or made.
Result<Fd> OpenWithoutLinks(int dirfd, const std::string& path, int flags, mode_t mode = 0);

// Whole-buffer read and write: retried on EINTR and short counts. ReadFull returns the bytes read (less than
// `size` only at the end of the file).
Result<size_t> ReadFull(int fd, void* buffer, size_t size);
Result<size_t> PreadFull(int fd, void* buffer, size_t size, off_t offset);
Result<> WriteFull(int fd, const void* data, size_t size);
inline Result<> WriteFull(int fd, std::string_view data) {
  return WriteFull(fd, data.data(), data.size());
}

struct Pipe {
  Fd read, write;
};
Result<Pipe> MakePipe(int flags = 0);

}  // namespace wolffia

#include <fcntl.h>
inline wolffia::Result<wolffia::Fd> wolffia::Open(const std::string& path, int flags, mode_t mode) {
  return OpenAt(AT_FDCWD, path, flags, mode);
}
