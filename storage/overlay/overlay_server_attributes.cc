// Requests about attributes and extended attributes.
#include <cerrno>
#include <ctime>

#include "storage/overlay/overlay_operations.h"

namespace wolffia {
namespace {

void ReplyAttributes(fuse_req_t req, const Sys<struct stat>& st) {
  if (st)
    fuse_reply_attr(req, &*st, ServiceOf(req).timeout);
  else
    fuse_reply_err(req, st.error());
}

void GetAttr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  ReplyAttributes(req, TreeOf(req).GetAttributes(ino));
}

struct timespec TimeToSet(int to_set, int set, int set_now, const struct timespec& time) {
  if ((to_set & set_now) != 0) return {0, UTIME_NOW};
  if ((to_set & set) == 0) return {0, UTIME_OMIT};
  // The special values of utimensat(2) do not come from the kernel here; as nanoseconds they are none.
  return time.tv_nsec >= 0 && time.tv_nsec < 1000000000 ? time : timespec{time.tv_sec, 0};
}

constexpr int kAnyChange = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_SIZE |
                           FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                           FUSE_SET_ATTR_MTIME_NOW;

// A SETATTR that changes nothing: what FUSE_HANDLE_KILLPRIV_V2 leaves of chown(-1, -1), and what comes ahead
// of FALLOCATE. It means that the set-id bits go; a file capability the kernel removes itself then.
void DropSetId(fuse_req_t req, fuse_ino_t ino) {
  Sys<struct stat> st = TreeOf(req).GetAttributes(ino);
  if (st && S_ISREG(st->st_mode)) {
    mode_t kept = st->st_mode & ~static_cast<mode_t>(S_ISUID);
    if ((kept & S_IXGRP) != 0) kept &= ~static_cast<mode_t>(S_ISGID);
    if (kept != st->st_mode) st = TreeOf(req).SetAttributes(ino, {.mode = kept & 07777});
  }
  ReplyAttributes(req, st);
}

// FUSE_SET_ATTR_CTIME (writeback) is not among it: no file system lets anybody set a ctime; the host's moves
// with the change.
void SetAttr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info*) {
  if ((to_set & kAnyChange) == 0) {
    DropSetId(req, ino);
    return;
  }
  SetAttributesRequest request;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) request.mode = attr->st_mode & 07777;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) request.uid = attr->st_uid;
  if ((to_set & FUSE_SET_ATTR_GID) != 0) request.gid = attr->st_gid;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
    if (attr->st_size < 0) {
      fuse_reply_err(req, EINVAL);
      return;
    }
    request.size = static_cast<uint64_t>(attr->st_size);
  }
  request.atime = TimeToSet(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim);
  request.mtime = TimeToSet(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim);
  // A change of owner takes set-id bits from everybody's files, root's too (chown(2)).
  request.kill_privileges = hidden_flags.kill_privileges || request.uid || request.gid;
  ReplyAttributes(req, TreeOf(req).SetAttributes(ino, request));
}

void GetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  Sys<std::string> value = TreeOf(req).GetXattr(ino, name);
  if (value)
    ReplyXattr(req, *value, size);
  else
    fuse_reply_err(req, value.error());
}

void ListXattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  Sys<std::string> names = TreeOf(req).ListXattrs(ino);
  if (names)
    ReplyXattr(req, *names, size);
  else
    fuse_reply_err(req, names.error());
}

void RemoveXattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
  ReplyDone(req, TreeOf(req).RemoveXattr(ino, name));
}

}  // namespace

// Not by libfuse, which reads the short form only.
void AnswerSetXattr(OverlayService& service, const FuseRequest& request) {
  const auto& in = request.As<FuseSetxattrIn>();
  bool is_long = (request.init_flags & kFuseSetxattrExt) != 0;
  bool kill_sgid = is_long && (in.setxattr_flags & kFuseSetxattrAclKillSgid) != 0;
  std::string name = request.body + (is_long ? sizeof in : kShortSetxattrIn);
  const char* value = request.body + (is_long ? sizeof in : kShortSetxattrIn) + name.size() + 1;
  Sys<> set = service.tree->SetXattr(request.header->nodeid, name, {value, in.size},
                                     static_cast<int>(in.flags), kill_sgid);
  Reply(request, set ? 0 : set.error());
}

void AddAttributeOperations(fuse_lowlevel_ops* ops, const OverlayTree& tree) {
  ops->getattr = GetAttr;
  ops->setattr = SetAttr;
  ops->removexattr = RemoveXattr;
  if (!tree.shows_xattrs()) return;  // asked once, and never again
  ops->getxattr = GetXattr;
  ops->listxattr = ListXattr;
}

}  // namespace wolffia
