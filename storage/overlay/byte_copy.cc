#include "storage/overlay/byte_copy.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "engine/base/result.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<off_t>::max();
constexpr uint64_t kPiece = 1 << 20;
// A file of this size is copied faster by one read and one write than by asking the kernel to do it.
constexpr uint64_t kSmall = 16 << 10;
// The kernel cannot copy between these two files (another file system, an old kernel, a special one): not an
// error.
bool CannotCopyInside(int os_errno) {
  return os_errno == EXDEV || os_errno == EOPNOTSUPP || os_errno == EINVAL || os_errno == ENOSYS ||
         os_errno == EPERM || os_errno == EBADF;
}

Sys<> CopyThroughMemory(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size) {
  std::unique_ptr<char[]> buffer(new (std::nothrow) char[std::min(size, kPiece)]);
  if (buffer == nullptr) return SysFail(ENOMEM);
  while (size > 0) {
    ssize_t n = pread(from, buffer.get(), std::min(size, kPiece), static_cast<off_t>(from_offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SysFail();
    if (n == 0) return SysFail(EIO);
    auto got = static_cast<uint64_t>(n);
    TRY(WriteBytes(to, buffer.get(), got, to_offset));
    from_offset += got;
    to_offset += got;
    size -= got;
  }
  return {};
}

}  // namespace

Sys<> WriteBytes(int to, const char* data, uint64_t size, uint64_t offset) {
  while (size > 0) {
    ssize_t n = pwrite(to, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SysFail();
    data += n;
    size -= static_cast<uint64_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Sys<> CopyBytes(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size) {
  if (size > kMaxOffset || from_offset > kMaxOffset - size || to_offset > kMaxOffset - size)
    return SysFail(EIO);
  auto in = static_cast<off_t>(from_offset), out = static_cast<off_t>(to_offset);
  while (size > kSmall) {
    ssize_t n =
        copy_file_range(from, &in, to, &out, static_cast<size_t>(std::min<uint64_t>(size, 1u << 30)), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && !CannotCopyInside(errno)) return SysFail();
    // Some kernels answer 0 for files that they cannot copy from: reading tells whether it is the end.
    if (n <= 0) break;
    size -= static_cast<uint64_t>(n);
  }
  if (size == 0) return {};
  return CopyThroughMemory(from, static_cast<uint64_t>(in), to, static_cast<uint64_t>(out), size);
}

Sys<> CopySparse(int from, int to, uint64_t size) {
  if (size > kMaxOffset) return SysFail(EIO);
  if (size > kSmall && ftruncate(to, static_cast<off_t>(size)) != 0) return SysFail();
  for (uint64_t at = 0; at < size;) {
    uint64_t data = at, end = size;
    if (size > kSmall) {
      off_t found = lseek(from, static_cast<off_t>(at), SEEK_DATA);
      if (found < 0 && errno == ENXIO) break;  // a hole up to the end
      if (found >= 0) {
        data = static_cast<uint64_t>(found);
        off_t hole = lseek(from, found, SEEK_HOLE);
        if (hole > found) end = std::min(size, static_cast<uint64_t>(hole));
      }
    }
    if (data >= size) break;
    TRY(CopyBytes(from, data, to, data, end - data));
    at = end;
  }
  return {};
}

}  // namespace wolffia
