// Requests about bytes. There is no state of an open file: every request names its node.
#include <algorithm>
#include <cerrno>

#include "storage/overlay/overlay_operations.h"

namespace wolffia {
namespace {

// Copied for one request at most: what is left the kernel asks for again, and no thread is held for long.
constexpr size_t kMaxCopy = 64 << 20;

void OpenFile(fuse_req_t req, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(req, ENOSYS);
}

void Read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  size = std::min(size, kMaxRead);
  char* buffer = reply_buffer.Get(size);
  if (buffer == nullptr || offset < 0) {
    fuse_reply_err(req, buffer == nullptr ? ENOMEM : EINVAL);
    return;
  }
  Sys<size_t> got = TreeOf(req).Read(ino, buffer, size, static_cast<uint64_t>(offset));
  if (got)
    fuse_reply_buf(req, buffer, std::min(*got, size));
  else
    fuse_reply_err(req, got.error());
  reply_buffer.Trim();
}

void Write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset, fuse_file_info*) {
  if (offset < 0) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  Sys<size_t> put =
      TreeOf(req).Write(ino, data, size, static_cast<uint64_t>(offset), hidden_flags.kill_privileges);
  if (put)
    fuse_reply_write(req, *put);
  else
    fuse_reply_err(req, put.error());
}

void Sync(fuse_req_t req, fuse_ino_t ino, int data_only, fuse_file_info*) {
  ReplyDone(req, TreeOf(req).Sync(ino, data_only != 0));
}

void SyncDirectory(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info*) {
  ReplyDone(req, TreeOf(req).SyncDirectory(ino));
}

void Allocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size, fuse_file_info*) {
  if (offset < 0 || size <= 0)
    fuse_reply_err(req, EINVAL);
  else
    ReplyDone(req,
              TreeOf(req).Allocate(ino, mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(size)));
}

void Seek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  Sys<int64_t> at = TreeOf(req).Seek(ino, offset, whence);
  if (at)
    fuse_reply_lseek(req, *at);
  else
    fuse_reply_err(req, at.error());
}

void CopyRange(fuse_req_t req, fuse_ino_t from, off_t from_offset, fuse_file_info*, fuse_ino_t to,
               off_t to_offset, fuse_file_info*, size_t size, int flags) {
  if (from_offset < 0 || to_offset < 0 || flags != 0) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  Sys<size_t> copied = TreeOf(req).CopyRange(from, static_cast<uint64_t>(from_offset), to,
                                             static_cast<uint64_t>(to_offset), std::min(size, kMaxCopy));
  if (copied)
    fuse_reply_write(req, *copied);
  else
    fuse_reply_err(req, copied.error());
}

}  // namespace

void AddDataOperations(fuse_lowlevel_ops* ops) {
  ops->open = OpenFile;
  ops->read = Read;
  ops->write = Write;
  ops->fsync = Sync;
  ops->fsyncdir = SyncDirectory;
  ops->fallocate = Allocate;
  ops->lseek = Seek;
  ops->copy_file_range = CopyRange;
}

}  // namespace wolffia
