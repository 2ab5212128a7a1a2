#include "storage/overlay/lower_tree.h"

#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wolffia {
namespace {

constexpr uint32_t kBlockSize = 4096;
// More xattrs than this are not looked through at the start; there is a visible one among them, or it costs
// time only.
constexpr uint32_t kXattrScanLimit = 1024;

constexpr std::string_view kUserPrefix = "user.";
constexpr std::string_view kUserOverlayPrefix = "user.overlay.";
constexpr std::string_view kCapability = "security.capability";

}  // namespace

LowerTree::LowerTree(std::shared_ptr<const Lower> lower, IdView ids)
    : lower_(std::move(lower)), ids_(std::move(ids)) {
  auto all = index().AllXattrs();
  shows_xattrs_ =
      index().has_xattrs() && (all.size() > kXattrScanLimit || std::ranges::any_of(all, [&](auto& x) {
                                 return Visible(index().XattrName(x), index().XattrValue(x)).has_value();
                               }));
}

const IndexNode* LowerTree::Node(uint64_t ino) const {
  if (ino == 0 || ino > index().node_count()) return nullptr;
  return &index().node(static_cast<uint32_t>(ino - 1));
}

void LowerTree::Stat(uint32_t number, struct stat* st) const {
  const IndexNode& node = index().node(number);
  *st = {};
  st->st_ino = InoOf(number);
  st->st_mode = node.mode;
  st->st_nlink = node.nlink;
  st->st_uid = ids_.Uid(node.uid);
  st->st_gid = ids_.Gid(node.gid);
  st->st_blksize = kBlockSize;
  st->st_mtim = {.tv_sec = node.mtime_sec, .tv_nsec = node.mtime_nsec};
  st->st_atim = st->st_ctim = st->st_mtim;
  switch (node.mode & S_IFMT) {
    case S_IFDIR:
      st->st_size = kBlockSize;
      break;  // as a small directory on a disk has it
    case S_IFCHR:
    case S_IFBLK:
      st->st_rdev = node.data;
      return;
    default:
      st->st_size = static_cast<off_t>(node.size);
  }
  uint64_t stored = static_cast<uint64_t>(st->st_size);
  if ((node.flags & kNodeSparse) != 0) {
    stored = 0;
    for (const IndexExtent& e : index().Extents(node)) stored += e.size;
  }
  st->st_blocks = static_cast<blkcnt_t>(stored / 512 + (stored % 512 != 0 ? 1 : 0));
}

struct statvfs LowerTree::StatFs() const {
  struct statvfs st{};
  st.f_bsize = st.f_frsize = kBlockSize;
  st.f_blocks = index().header().content_bytes / kBlockSize + 1;
  st.f_files = index().node_count();
  st.f_namemax = 255;
  return st;  // nothing free: it is read-only
}

int LowerTree::Read(const IndexNode& file, char* buffer, size_t size, uint64_t offset) const {
  auto done = lower_->Read(file, buffer, size, offset);
  return done && *done == size ? 0 : -EIO;
}

int64_t LowerTree::SeekHole(const IndexNode& file, int64_t offset, int whence) const {
  if (offset < 0 || static_cast<uint64_t>(offset) >= file.size) return -ENXIO;
  auto at = static_cast<uint64_t>(offset);
  if ((file.flags & kNodeSparse) == 0) return whence == SEEK_DATA ? offset : static_cast<int64_t>(file.size);
  for (const IndexExtent& e : index().Extents(file)) {
    if (e.size == 0 || e.file_offset > file.size || e.size > file.size - e.file_offset) continue;
    uint64_t end = e.file_offset + e.size;
    if (end <= at) continue;
    if (whence == SEEK_DATA) return static_cast<int64_t>(std::max(at, e.file_offset));
    if (e.file_offset > at) break;
    at = end;  // extents may follow each other without a hole
  }
  return whence == SEEK_DATA ? -ENXIO : static_cast<int64_t>(at);
}

// The value to show for an xattr of the image; nullopt for one that is hidden.
std::optional<std::string_view> LowerTree::Visible(std::string_view name, std::string_view value) const {
  if (name.size() > 255 || value.size() > 65536 || name.find('\0') != name.npos) return std::nullopt;
  if (name.starts_with(kUserPrefix)) {
    if (name.size() == kUserPrefix.size() || name.starts_with(kUserOverlayPrefix)) return std::nullopt;
    return value;
  }
  // A malformed capability would make exec and copy-up fail. Revision 3 belongs to one namespace of the
  // machine that made the image: not ours.
  if (name != kCapability || value.size() != XATTR_CAPS_SZ_2) return std::nullopt;
  uint32_t magic;
  memcpy(&magic, value.data(), sizeof magic);
  if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_2) return std::nullopt;
  return value;
}

std::optional<std::string_view> LowerTree::Xattr(const IndexNode& node, std::string_view name) const {
  for (const IndexXattr& x : index().Xattrs(node))
    if (index().XattrName(x) == name) return Visible(name, index().XattrValue(x));
  return std::nullopt;
}

std::string LowerTree::XattrNames(const IndexNode& node) const {
  std::string names;
  for (const IndexXattr& x : index().Xattrs(node)) {
    std::string_view name = index().XattrName(x);
    if (!Visible(name, index().XattrValue(x))) continue;
    if (names.size() + name.size() + 1 > 65536) break;  // XATTR_LIST_MAX
    names.append(name).push_back('\0');
  }
  return names;
}

}  // namespace wolffia
