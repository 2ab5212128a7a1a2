// Requests about names: lookup, listing, making, removing, renaming.
#include <linux/fuse.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "storage/overlay/overlay_operations.h"

namespace wolffia {
namespace {

Caller CallerOf(fuse_req_t req) {
  const fuse_ctx* context = fuse_req_ctx(req);
  return {.uid = context->uid, .gid = context->gid, .umask = context->umask};
}

fuse_entry_param ParamOf(const OverlayService& service, const Entry& entry) {
  fuse_entry_param param{};
  param.ino = entry.nodeid;
  param.attr = entry.st;
  param.attr_timeout = param.entry_timeout = service.timeout;
  return param;
}

// The kernel counts a lookup for each entry that it takes; for one that it does not take (the request was
// interrupted) nobody else would ever forget it.
void ReplyEntry(fuse_req_t req, const Sys<Entry>& entry) {
  if (!entry) {
    fuse_reply_err(req, entry.error());
    return;
  }
  OverlayService& service = ServiceOf(req);
  fuse_entry_param param = ParamOf(service, *entry);
  if (fuse_reply_entry(req, &param) != 0) service.tree->Forget(entry->nodeid, 1);
}

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Sys<Entry> entry = TreeOf(req).Lookup(parent, name);
  if (!entry && entry.error() == ENOENT) {
    fuse_entry_param missing{};  // inode 0: the name is missing, and that may be remembered
    missing.entry_timeout = ServiceOf(req).timeout;
    fuse_reply_entry(req, &missing);
    return;
  }
  ReplyEntry(req, entry);
}

void Forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups) {
  TreeOf(req).Forget(ino, lookups);
  fuse_reply_none(req);
}

void ForgetMulti(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) TreeOf(req).Forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  Sys<std::string> target = TreeOf(req).ReadLink(ino);
  if (!target)
    fuse_reply_err(req, target.error());
  else if (target->empty() || target->size() > 4095)  // PATH_MAX less the terminator
    fuse_reply_err(req, EIO);
  else
    fuse_reply_buf(req, target->data(), target->size());
}

void MakeNode(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
  ReplyEntry(req, TreeOf(req).MakeNode(parent, name, {.mode = mode, .rdev = rdev}, CallerOf(req)));
}

void MakeDirectory(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  NewNode node{.mode = (mode & 07777) | S_IFDIR};
  ReplyEntry(req, TreeOf(req).MakeNode(parent, name, node, CallerOf(req)));
}

void MakeSymlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  NewNode node{.mode = S_IFLNK | 0777, .target = target};
  ReplyEntry(req, TreeOf(req).MakeNode(parent, name, node, CallerOf(req)));
}

void MakeLink(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  ReplyEntry(req, TreeOf(req).Link(ino, parent, name));
}

void Unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  ReplyDone(req, TreeOf(req).Unlink(parent, name));
}

void RemoveDirectory(fuse_req_t req, fuse_ino_t parent, const char* name) {
  ReplyDone(req, TreeOf(req).RemoveDirectory(parent, name));
}

void Rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned flags) {
  ReplyDone(req, TreeOf(req).Rename(parent, name, new_parent, new_name, flags));
}

void OpenDir(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
  ReplyOpenDir(req, fi, ServiceOf(req).stateless_directories);
}

// What a listing has counted as looked up, of one thread: undone if the kernel does not take the answer.
thread_local std::vector<uint64_t> listed;

void List(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool attributes) {
  OverlayService& service = ServiceOf(req);
  size = std::min(size, kMaxListing);
  char* buffer = reply_buffer.Get(size);
  if (buffer == nullptr || offset < 0) {
    fuse_reply_err(req, buffer == nullptr ? ENOMEM : EINVAL);
    return;
  }
  size_t used = 0;
  listed.clear();
  auto take = [&](const char* name, const Entry& entry, uint64_t next) {
    fuse_entry_param param = ParamOf(service, entry);
    char* at = buffer + used;
    size_t room = size - used;
    size_t needed = attributes
                        ? fuse_add_direntry_plus(req, at, room, name, &param, static_cast<off_t>(next))
                        : fuse_add_direntry(req, at, room, name, &param.attr, static_cast<off_t>(next));
    if (needed > room) return false;
    used += needed;
    if (entry.nodeid != 0) listed.push_back(entry.nodeid);
    return true;
  };
  Sys<> read = service.tree->ReadDirectory(ino, static_cast<uint64_t>(offset), attributes, take);
  // What was counted must arrive; an error that lasts comes with the next request.
  if (!read && used == 0)
    fuse_reply_err(req, read.error());
  else if (fuse_reply_buf(req, buffer, used) != 0)
    for (uint64_t nodeid : listed) service.tree->Forget(nodeid, 1);
}

void ReadDir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  List(req, ino, size, offset, false);
}

void ReadDirPlus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  List(req, ino, size, offset, true);
}

// The kernel's form of attributes and timeouts, for the one answer that libfuse cannot write.
fuse_attr AttrOf(const struct stat& st) {
  fuse_attr attr{};
  attr.ino = st.st_ino;
  attr.size = static_cast<uint64_t>(st.st_size);
  attr.blocks = static_cast<uint64_t>(st.st_blocks);
  attr.atime = static_cast<uint64_t>(st.st_atim.tv_sec);
  attr.mtime = static_cast<uint64_t>(st.st_mtim.tv_sec);
  attr.ctime = static_cast<uint64_t>(st.st_ctim.tv_sec);
  attr.atimensec = static_cast<uint32_t>(st.st_atim.tv_nsec);
  attr.mtimensec = static_cast<uint32_t>(st.st_mtim.tv_nsec);
  attr.ctimensec = static_cast<uint32_t>(st.st_ctim.tv_nsec);
  attr.mode = st.st_mode;
  attr.nlink = static_cast<uint32_t>(st.st_nlink);
  attr.uid = st.st_uid;
  attr.gid = st.st_gid;
  attr.rdev = static_cast<uint32_t>(st.st_rdev);
  attr.blksize = static_cast<uint32_t>(st.st_blksize);
  return attr;
}

}  // namespace

void AnswerTemporary(OverlayService& service, const FuseRequest& request) {
  const auto& in = request.As<fuse_create_in>();
  Caller caller{.uid = request.header->uid, .gid = request.header->gid, .umask = in.umask};
  Sys<Entry> entry = service.tree->MakeTemporary(request.header->nodeid, (in.mode & 07777) | S_IFREG, caller);
  if (!entry) {
    Reply(request, entry.error());
    return;
  }
  struct {
    fuse_entry_out entry;
    fuse_open_out open;
  } out{};
  out.entry.nodeid = entry->nodeid;
  out.entry.entry_valid = out.entry.attr_valid = static_cast<uint64_t>(service.timeout);
  out.entry.attr = AttrOf(entry->st);
  out.open.open_flags = FOPEN_KEEP_CACHE;
  if (!Reply(request, 0, &out, sizeof out)) service.tree->Forget(entry->nodeid, 1);
}

void AddNameOperations(fuse_lowlevel_ops* ops) {
  ops->lookup = Lookup;
  ops->forget = Forget;
  ops->forget_multi = ForgetMulti;
  ops->readlink = ReadLink;
  ops->mknod = MakeNode;
  ops->mkdir = MakeDirectory;
  ops->symlink = MakeSymlink;
  ops->link = MakeLink;
  ops->unlink = Unlink;
  ops->rmdir = RemoveDirectory;
  ops->rename = Rename;
  ops->opendir = OpenDir;
  ops->readdir = ReadDir;
  ops->readdirplus = ReadDirPlus;
}

}  // namespace wolffia
