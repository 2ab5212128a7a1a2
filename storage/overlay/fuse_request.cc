#include "storage/overlay/fuse_request.h"

#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace wolffia {
namespace {

constexpr size_t kMaxName = 255;

enum class Names { kNone, kOne, kTwo, kNameAndText, kText };

struct Shape {
  uint32_t opcode;
  size_t fixed;  // bytes that come first
  Names names;   // strings that come then
};

// Everything that a server of ours or libfuse looks into. What is missing is answered ENOSYS: the kernel
// takes that for "never ask again" and does without, or by itself (locks). INTERRUPT is among it on purpose:
// no operation here waits for anything that an interruption could cut short.
constexpr Shape kShapes[] = {
    {FUSE_LOOKUP, 0, Names::kOne},
    {FUSE_FORGET, sizeof(fuse_forget_in), Names::kNone},
    {FUSE_GETATTR, sizeof(fuse_getattr_in), Names::kNone},
    {FUSE_SETATTR, sizeof(fuse_setattr_in), Names::kNone},
    {FUSE_READLINK, 0, Names::kNone},
    {FUSE_SYMLINK, 0, Names::kNameAndText},
    {FUSE_MKNOD, sizeof(fuse_mknod_in), Names::kOne},
    {FUSE_MKDIR, sizeof(fuse_mkdir_in), Names::kOne},
    {FUSE_UNLINK, 0, Names::kOne},
    {FUSE_RMDIR, 0, Names::kOne},
    {FUSE_RENAME, sizeof(fuse_rename_in), Names::kTwo},
    {FUSE_LINK, sizeof(fuse_link_in), Names::kOne},
    {FUSE_OPEN, sizeof(fuse_open_in), Names::kNone},
    {FUSE_READ, sizeof(fuse_read_in), Names::kNone},
    {FUSE_WRITE, sizeof(fuse_write_in), Names::kNone},
    {FUSE_STATFS, 0, Names::kNone},
    {FUSE_RELEASE, sizeof(fuse_release_in), Names::kNone},
    {FUSE_FSYNC, sizeof(fuse_fsync_in), Names::kNone},
    {FUSE_SETXATTR, kShortSetxattrIn, Names::kText},
    {FUSE_GETXATTR, sizeof(fuse_getxattr_in), Names::kText},
    {FUSE_LISTXATTR, sizeof(fuse_getxattr_in), Names::kNone},
    {FUSE_REMOVEXATTR, 0, Names::kText},
    {FUSE_FLUSH, sizeof(fuse_flush_in), Names::kNone},
    {FUSE_INIT, 16, Names::kNone},  // before Linux 5.17: no flags2
    {FUSE_OPENDIR, sizeof(fuse_open_in), Names::kNone},
    {FUSE_READDIR, sizeof(fuse_read_in), Names::kNone},
    {FUSE_RELEASEDIR, sizeof(fuse_release_in), Names::kNone},
    {FUSE_FSYNCDIR, sizeof(fuse_fsync_in), Names::kNone},
    {FUSE_ACCESS, sizeof(fuse_access_in), Names::kNone},
    {FUSE_CREATE, sizeof(fuse_create_in), Names::kOne},
    {FUSE_DESTROY, 0, Names::kNone},
    {FUSE_IOCTL, sizeof(fuse_ioctl_in), Names::kNone},
    {FUSE_BATCH_FORGET, sizeof(fuse_batch_forget_in), Names::kNone},
    {FUSE_FALLOCATE, sizeof(fuse_fallocate_in), Names::kNone},
    {FUSE_READDIRPLUS, sizeof(fuse_read_in), Names::kNone},
    {FUSE_RENAME2, sizeof(fuse_rename2_in), Names::kTwo},
    {FUSE_LSEEK, sizeof(fuse_lseek_in), Names::kNone},
    {FUSE_COPY_FILE_RANGE, sizeof(fuse_copy_file_range_in), Names::kNone},
    {FUSE_SYNCFS, sizeof(fuse_syncfs_in), Names::kNone},
    {kFuseTmpfile, sizeof(fuse_create_in), Names::kText},  // its name is "/"
};

// Takes a string with its terminator off the front; 0 or an errno.
int TakeString(std::string_view* rest, bool is_name) {
  size_t end = rest->find('\0');
  if (end == std::string_view::npos) return EINVAL;
  std::string_view text = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  if (!is_name) return 0;
  if (text.size() > kMaxName) return ENAMETOOLONG;
  return text.empty() || text.find('/') != std::string_view::npos ? EINVAL : 0;
}

int CheckStrings(Names names, std::string_view rest) {
  if (names == Names::kNone) return 0;
  if (int error = TakeString(&rest, names != Names::kText); error != 0) return error;
  if (names == Names::kTwo || names == Names::kNameAndText) return TakeString(&rest, names == Names::kTwo);
  return 0;
}

// Sizes that a request states of what follows.
bool PayloadFits(const FuseRequest& request, size_t fixed) {
  uint64_t rest = request.size - fixed;
  switch (request.header->opcode) {
    case FUSE_WRITE:
      return request.As<fuse_write_in>().size <= rest;
    case FUSE_BATCH_FORGET:
      return request.As<fuse_batch_forget_in>().count <= rest / sizeof(fuse_forget_one);
    case FUSE_IOCTL:
      return request.As<fuse_ioctl_in>().in_size <= rest;
    case FUSE_SETXATTR:
      return request.As<FuseSetxattrIn>().size <=
             rest - strnlen(request.body + fixed, static_cast<size_t>(rest)) - 1;
    default:
      return true;
  }
}

}  // namespace

int CheckRequest(const FuseRequest& request) {
  uint32_t opcode = request.header->opcode;
  for (const Shape& shape : kShapes) {
    if (shape.opcode != opcode) continue;
    size_t fixed = shape.fixed;
    if (opcode == FUSE_SETXATTR && (request.init_flags & kFuseSetxattrExt) != 0)
      fixed = sizeof(FuseSetxattrIn);
    if (request.size < fixed) return EINVAL;
    int error = CheckStrings(shape.names, {request.body + fixed, request.size - fixed});
    return error != 0 ? error : PayloadFits(request, fixed) ? 0 : EINVAL;
  }
  return ENOSYS;
}

bool NeedsReply(const FuseRequest& request) {
  return request.header->opcode != FUSE_FORGET && request.header->opcode != FUSE_BATCH_FORGET;
}

thread_local SecondTry second_try;

bool SecondTry::Hold(int error, bool cut) {
  wanted = possible && (cut || error == ENOSPC || error == EDQUOT);
  return wanted;
}

bool Reply(const FuseRequest& request, int error, const void* data, size_t size) {
  if (second_try.Hold(error)) return true;
  if (error != 0) size = 0;
  fuse_out_header out{};
  out.len = static_cast<uint32_t>(sizeof out + size);
  out.error = -error;
  out.unique = request.header->unique;
  iovec parts[] = {{&out, sizeof out}, {const_cast<void*>(data), size}};
  return writev(request.fd, parts, size > 0 ? 2 : 1) >= 0;
}

}  // namespace wolffia
