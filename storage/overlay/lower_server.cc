// The operations of the read-only file system: each one asks LowerTree and replies. No request is held,
// nothing is allocated for one that stays, and every inode number and size is checked.
#include "storage/overlay/lower_server.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "storage/overlay/fuse_reply.h"
#include "storage/overlay/lower_tree.h"

namespace wolffia {
namespace {

// What the operations share.
struct Served {
  explicit Served(LowerTree t) : tree(std::move(t)) {}
  LowerTree tree;
  bool stateless_directories = false;  // set by Init, before any other request
};
Served& ServedBy(fuse_req_t req) {
  return *static_cast<Served*>(fuse_req_userdata(req));
}
const LowerTree& TreeOf(fuse_req_t req) {
  return ServedBy(req).tree;
}

fuse_entry_param EntryOf(const LowerTree& tree, uint32_t node) {
  fuse_entry_param entry{};
  entry.ino = LowerTree::InoOf(node);
  entry.attr_timeout = entry.entry_timeout = kForever;
  tree.Stat(node, &entry.attr);
  return entry;
}

void Init(void* served, fuse_conn_info* conn) {
  static_cast<Served*>(served)->stateless_directories = (conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
  conn->want = conn->capable & kSharedCapabilities;
  conn->max_readahead = std::min(conn->max_readahead, kMaxReadahead);
}

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  const LowerTree& tree = TreeOf(req);
  if (tree.Node(parent) == nullptr) {
    fuse_reply_err(req, ESTALE);
    return;
  }
  uint32_t node = tree.index().Lookup(static_cast<uint32_t>(parent - 1), name);
  fuse_entry_param entry{};  // inode 0: the name is missing, and that may be remembered
  entry.entry_timeout = kForever;
  if (node != kNoNode) entry = EntryOf(tree, node);
  fuse_reply_entry(req, &entry);
}

void GetAttr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  const LowerTree& tree = TreeOf(req);
  if (tree.Node(ino) == nullptr) {
    fuse_reply_err(req, ESTALE);
    return;
  }
  struct stat st;
  tree.Stat(static_cast<uint32_t>(ino - 1), &st);
  fuse_reply_attr(req, &st, kForever);
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* node = tree.Node(ino);
  std::string_view target =
      node != nullptr && S_ISLNK(node->mode) ? tree.index().Target(*node) : std::string_view();
  if (target.empty() || target.size() > 4095)  // PATH_MAX less the terminator
    fuse_reply_err(req, node != nullptr ? EINVAL : ESTALE);
  else
    fuse_reply_buf(req, target.data(), target.size());
}

void OpenFile(fuse_req_t req, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(req, ENOSYS);
}

void OpenDir(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
  ReplyOpenDir(req, fi, ServedBy(req).stateless_directories);
}

bool ValidName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && memchr(name.data(), '/', name.size()) == nullptr &&
         memchr(name.data(), 0, name.size()) == nullptr;
}

// Adds one entry; false when it does not fit. "." and ".." go without attributes: inode 0 says that.
bool AddEntry(fuse_req_t req, char* buffer, size_t size, size_t* used, const char* name, uint32_t node,
              off_t next) {
  const LowerTree& tree = TreeOf(req);
  fuse_entry_param entry = EntryOf(tree, node);
  if (next <= 2) entry.ino = 0;
  size_t needed = fuse_add_direntry_plus(req, buffer + *used, size - *used, name, &entry, next);
  if (needed > size - *used) return false;
  *used += needed;
  return true;
}

// An offset is the number of entries before it: 0 is ".", 1 is "..", 2 the first name.
void ReadDirPlus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* directory = tree.Node(ino);
  size = std::min(size, kMaxListing);
  char* buffer = reply_buffer.Get(size);
  if (directory == nullptr || !S_ISDIR(directory->mode) || offset < 0 || buffer == nullptr) {
    fuse_reply_err(req, directory == nullptr ? ESTALE : buffer == nullptr ? ENOMEM : ENOTDIR);
    return;
  }
  auto self = static_cast<uint32_t>(ino - 1);
  size_t used = 0;
  bool fits = true;
  if (offset == 0) fits = AddEntry(req, buffer, size, &used, ".", self, 1);
  if (fits && offset <= 1) fits = AddEntry(req, buffer, size, &used, "..", directory->parent, 2);
  auto dirents = tree.index().Dirents(*directory);
  for (auto i = static_cast<uint64_t>(std::max<off_t>(offset - 2, 0)); fits && i < dirents.size(); ++i) {
    std::string_view name = tree.index().Name(dirents[i]);
    if (!ValidName(name) || dirents[i].node >= tree.index().node_count()) continue;
    char terminated[256];
    memcpy(terminated, name.data(), name.size());
    terminated[name.size()] = '\0';
    fits = AddEntry(req, buffer, size, &used, terminated, dirents[i].node, static_cast<off_t>(i + 3));
  }
  fuse_reply_buf(req, buffer, used);
}

void Read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* file = tree.Node(ino);
  if (file == nullptr || !S_ISREG(file->mode) || offset < 0) {
    fuse_reply_err(req, file == nullptr ? ESTALE : EINVAL);
    return;
  }
  auto from = static_cast<uint64_t>(offset);
  size = static_cast<size_t>(std::min<uint64_t>({size, kMaxRead, from < file->size ? file->size - from : 0}));
  char* buffer = reply_buffer.Get(size);
  if (buffer == nullptr && size > 0)
    fuse_reply_err(req, ENOMEM);
  else if (tree.Read(*file, buffer, size, from) != 0)
    fuse_reply_err(req, EIO);  // a short answer would be taken for zeros
  else
    fuse_reply_buf(req, buffer, size);
  reply_buffer.Trim();
}

// Only where there are holes; elsewhere the kernel learns once that it need not ask.
void Seek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* file = tree.Node(ino);
  if (file == nullptr || !S_ISREG(file->mode) || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  int64_t at = tree.SeekHole(*file, offset, whence);
  if (at < 0)
    fuse_reply_err(req, static_cast<int>(-at));
  else
    fuse_reply_lseek(req, at);
}

void StatFs(fuse_req_t req, fuse_ino_t) {
  struct statvfs st = TreeOf(req).StatFs();
  fuse_reply_statfs(req, &st);
}

void GetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* node = tree.Node(ino);
  auto value = node != nullptr ? tree.Xattr(*node, name) : std::nullopt;
  if (value)
    ReplyXattr(req, *value, size);
  else
    fuse_reply_err(req, ENODATA);
}

void ListXattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  const LowerTree& tree = TreeOf(req);
  const IndexNode* node = tree.Node(ino);
  ReplyXattr(req, node != nullptr ? tree.XattrNames(*node) : std::string(), size);
}

// overlayfs asks for file flags (FS_IOC_GETFLAGS) when it copies up, and before 6.0 it took ENOSYS for an
// error.
void Ioctl(fuse_req_t req, fuse_ino_t, unsigned, void*, fuse_file_info*, unsigned, const void*, size_t,
           size_t) {
  fuse_reply_err(req, ENOTTY);
}

// What is left out (FLUSH, ACCESS, and the xattr operations of an image without any) libfuse answers with
// ENOSYS: the kernel asks once. overlayfs asks for xattrs on every entry that it sees, which costs more than
// the entry itself.
fuse_lowlevel_ops OperationsFor(const LowerTree& tree) {
  fuse_lowlevel_ops ops{};
  ops.init = Init;
  ops.lookup = Lookup;
  ops.getattr = GetAttr;
  ops.readlink = ReadLink;
  ops.open = OpenFile;
  ops.opendir = OpenDir;
  ops.read = Read;
  ops.readdirplus = ReadDirPlus;
  ops.statfs = StatFs;
  ops.ioctl = Ioctl;
  if (tree.index().header().extent_count != 0) ops.lseek = Seek;
  if (tree.shows_xattrs()) {
    ops.getxattr = GetXattr;
    ops.listxattr = ListXattr;
  }
  return ops;
}

class Server : public LowerServer {
 public:
  explicit Server(std::unique_ptr<FuseSession> session) : session_(std::move(session)) {}
  void Stop() override { session_->Stop(); }
  void FollowClients(Fd proc) override { session_->FollowClients(std::move(proc)); }
  std::vector<FuseCounter> Counters() const override { return session_->Counters(); }

 private:
  std::unique_ptr<FuseSession> session_;
};

}  // namespace

std::string FuseMountOptions(int fuse_fd, uint32_t uid, uint32_t gid) {
  return "fd=" + std::to_string(fuse_fd) + ",rootmode=40000,user_id=" + std::to_string(uid) +
         ",group_id=" + std::to_string(gid) + ",default_permissions,allow_other";
}

Result<std::unique_ptr<LowerServer>> LowerServer::Start(std::shared_ptr<const Lower> lower, IdView ids,
                                                        Fd fuse_fd, FuseCounts* counts,
                                                        std::function<void()> confine) {
  FuseSessionOptions options;
  options.counts = counts;
  options.confine = std::move(confine);
  options.init_flags = kSharedInitFlags;
  auto served = std::make_shared<Served>(LowerTree(std::move(lower), std::move(ids)));
  fuse_lowlevel_ops ops = OperationsFor(served->tree);
  return std::make_unique<Server>(TRY(FuseSession::Start(ops, served, std::move(fuse_fd), options)));
}

}  // namespace wolffia
