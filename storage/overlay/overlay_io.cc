// Data of the merged tree: reads and writes on the open file, with nothing locked but where the bytes are
// looked up.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "storage/overlay/metered_change.h"
#include "storage/overlay/overlay_data.h"

namespace wolffia {
namespace {

constexpr auto kLastOffset = static_cast<uint64_t>(std::numeric_limits<off_t>::max());

// A request must end soon, or a thread of the server is lost to it; copy_file_range(2) may do less than it
// was asked.
constexpr size_t kMostCopied = size_t{64} << 20;
constexpr size_t kCopyPiece = size_t{256} << 10;

// Where the bytes of a regular file are: in an open file of the upper, or in the lower.
struct Bytes {
  SharedFd fd;
  LowerId lower = kNoLower;
};

Sys<Bytes> BytesOf(OverlayState& state, uint64_t nodeid) {
  std::shared_lock lock(state.tree_lock);
  Bytes bytes;
  NodePtr node = state.nodes.Find(nodeid);
  mode_t mode;
  if (node != nullptr && node->in_upper) {
    mode = node->object.st.st_mode;
    if (S_ISREG(mode)) bytes.fd = TRY(state.FileFd(*node));
  } else if (node != nullptr && node->directory) {
    mode = S_IFDIR;
  } else {
    bytes.lower = node != nullptr ? node->lower : TRY(state.PureLower(nodeid));
    mode = state.lower->Type(bytes.lower);
  }
  if (!S_ISREG(mode)) return SysFail(S_ISDIR(mode) ? EISDIR : EINVAL);
  return bytes;
}

Sys<size_t> ReadUpper(int fd, void* buffer, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = pread(fd, static_cast<char*>(buffer) + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0) return SysFail();
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Sys<size_t> ReadBytes(OverlayState& state, const Bytes& from, void* buffer, size_t size, uint64_t offset) {
  if (from.fd != nullptr) return ReadUpper(from.fd->get(), buffer, size, offset);
  return state.lower->Read(from.lower, buffer, size, offset);
}

// All of it, or what fits: an errno only if nothing was written.
Sys<uint64_t> WriteUpper(int fd, const char* data, uint64_t size, uint64_t offset) {
  uint64_t done = 0;
  while (done < size) {
    ssize_t n = pwrite(fd, data + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0) return SysFail();
    if (n <= 0) break;
    done += static_cast<uint64_t>(n);
  }
  return done;
}

// Through memory, where the host cannot do it: from the lower, or on file systems without copy_file_range.
Sys<uint64_t> CopyThroughMemory(OverlayState& state, const Bytes& from, uint64_t from_offset, int to,
                                uint64_t to_offset, uint64_t size) {
  std::vector<char> buffer(std::min<uint64_t>(size, kCopyPiece));
  uint64_t done = 0;
  while (done < size) {
    auto got = ReadBytes(state, from, buffer.data(), std::min<uint64_t>(buffer.size(), size - done),
                         from_offset + done);
    if (!got && done == 0) return SysFail(got.error());
    if (!got || *got == 0) break;
    auto put = WriteUpper(to, buffer.data(), *got, to_offset + done);
    if (!put && done == 0) return put;
    if (!put) break;
    done += *put;
    if (*put < *got) break;
  }
  return done;
}

Sys<uint64_t> CopyBytes(OverlayState& state, const Bytes& from, uint64_t from_offset, int to,
                        uint64_t to_offset, uint64_t size) {
  if (from.fd == nullptr) return CopyThroughMemory(state, from, from_offset, to, to_offset, size);
  auto in = static_cast<off_t>(from_offset), out = static_cast<off_t>(to_offset);
  uint64_t done = 0;
  while (done < size) {
    ssize_t n = copy_file_range(from.fd->get(), &in, to, &out, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
      return CopyThroughMemory(state, from, from_offset, to, to_offset, size);
    if (n < 0 && done == 0) return SysFail();
    if (n <= 0) break;
    done += static_cast<uint64_t>(n);
  }
  return done;
}

bool InRange(uint64_t offset, uint64_t size) {
  return offset <= kLastOffset && size <= kLastOffset - offset;
}

}  // namespace

Sys<size_t> OverlayTree::Read(uint64_t nodeid, void* buffer, size_t size, uint64_t offset) {
  OverlayState& s = *state_;
  if (!InRange(offset, size)) return SysFail(EINVAL);
  Bytes from = TRY(BytesOf(s, nodeid));
  return ReadBytes(s, from, buffer, size, offset);
}

Sys<size_t> OverlayTree::Write(uint64_t nodeid, const void* data, size_t size, uint64_t offset,
                               bool kill_privileges) {
  OverlayState& s = *state_;
  if (!InRange(offset, size)) return SysFail(EFBIG);
  OpenNode open = TRY(OpenForChange(s, nodeid, true, kill_privileges));
  const int fd = open.fd->get();
  const char* bytes = static_cast<const char*>(data);
  if (!s.quota.counts_bytes()) return WriteUpper(fd, bytes, size, offset);
  return ChangeMetered(s.quota, fd, offset, size, [&](uint64_t at, uint64_t piece) {
    return WriteUpper(fd, bytes + (at - offset), piece, at);
  });
}

Sys<> OverlayTree::Allocate(uint64_t nodeid, int mode, uint64_t offset, uint64_t size) {
  OverlayState& s = *state_;
  constexpr int kKnown = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
                         FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
  if ((mode & ~kKnown) != 0) return SysFail(EOPNOTSUPP);
  if (size == 0) return SysFail(EINVAL);
  if (!InRange(offset, size)) return SysFail(EFBIG);
  OpenNode open = TRY(OpenForChange(s, nodeid, true, false));
  const int fd = open.fd->get();
  auto allocate = [&](uint64_t at, uint64_t piece) -> Sys<uint64_t> {
    while (fallocate(fd, mode, static_cast<off_t>(at), static_cast<off_t>(piece)) != 0)
      if (errno != EINTR) return SysFail();
    return piece;
  };
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE)) != 0)
    return ShrinkMetered(s.quota, fd, [&]() -> Sys<> {
      TRY(allocate(offset, size));
      return {};
    });
  return TRY(ChangeMetered(s.quota, fd, offset, size, allocate)) == size ? Sys<>() : SysFail(ENOSPC);
}

Sys<int64_t> OverlayTree::Seek(uint64_t nodeid, int64_t offset, int whence) {
  OverlayState& s = *state_;
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return SysFail(EINVAL);
  if (offset < 0) return SysFail(ENXIO);
  Bytes bytes = TRY(BytesOf(s, nodeid));
  if (bytes.fd == nullptr) return s.lower->Seek(bytes.lower, offset, whence);
  // The descriptor is shared, but its position is nobody's: reads and writes say where, and the answer
  // depends on the argument alone.
  off_t found = lseek(bytes.fd->get(), offset, whence);
  if (found < 0) return SysFail();
  return found;
}

Sys<size_t> OverlayTree::CopyRange(uint64_t from, uint64_t from_offset, uint64_t to, uint64_t to_offset,
                                   size_t size) {
  OverlayState& s = *state_;
  if (!InRange(from_offset, size) || !InRange(to_offset, size)) return SysFail(EOVERFLOW);
  size = std::min(size, kMostCopied);
  if (from == to && from_offset < to_offset + size && to_offset < from_offset + size) return SysFail(EINVAL);
  TRY(BytesOf(s, from));  // a copy that fails for it takes no capability away
  OpenNode open = TRY(OpenForChange(s, to, true, false));
  const int fd = open.fd->get();
  Bytes source = TRY(BytesOf(s, from));
  return ChangeMetered(s.quota, fd, to_offset, size, [&](uint64_t at, uint64_t piece) {
    return CopyBytes(s, source, from_offset + (at - to_offset), fd, at, piece);
  });
}

Sys<> OverlayTree::Sync(uint64_t nodeid, bool data_only) {
  OverlayState& s = *state_;
  Bytes bytes = TRY(BytesOf(s, nodeid));
  return bytes.fd != nullptr ? s.upper->SyncFile(bytes.fd->get(), data_only) : Sys<>();
}

Sys<> OverlayTree::SyncDirectory(uint64_t nodeid) {
  OverlayState& s = *state_;
  SharedFd fd;
  {
    std::shared_lock lock(s.tree_lock);
    NodePtr node = s.nodes.Find(nodeid);
    if (node == nullptr && !S_ISDIR(s.lower->Type(TRY(s.PureLower(nodeid))))) return SysFail(ENOTDIR);
    if (node != nullptr && !node->directory) return SysFail(ENOTDIR);
    if (node == nullptr || !node->in_upper) return {};  // nothing of it was changed, or nothing is left of it
    fd = TRY(s.DirectoryFd(*node));
  }
  return s.upper->SyncDirectory(fd->get());
}

Sys<> OverlayTree::SyncAll() {
  return state_->upper != nullptr ? state_->upper->SyncAll() : Sys<>();
}

}  // namespace wolffia
