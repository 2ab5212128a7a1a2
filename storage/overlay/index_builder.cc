// How a layer's entries become a tree. Peers below are containers/storage (archive.Unpack with the overlay
// whiteout converter, in a chroot of the layer's own directory) and containerd (archive.Apply).
//
//  1. Names are cleaned lexically ("./a//b/../c" is "a/c", "/a" is "a"). One that leads above the root is
//     refused (peers: breakout error; they let "/../a" pass as "a"). Over 255 bytes a name or 4096 a path,
//     NUL: refused.
//  2. Missing parents are implied: 0755 root, kNodeImplicit. The merge lets a lower directory's attributes
//     show through (peers that unpack into one tree get the same; the overlay driver makes a root-owned one).
//  3. The later of two entries of one name counts, as if the earlier were not there: a directory over a
//     directory changes attributes and keeps the children, anything else removes what was there with all
//     below. "." is the root and must be a directory (containers/storage ignores its attributes).
//  4. A path through a symlink of this layer is followed inside the root, as the peers' chroot does: at most
//     40 links. A link that leads nowhere in this layer, or a parent that is not a directory: refused. The
//     layers below are never looked at: a parent that is a symlink there becomes a directory here, as on
//     overlayfs.
//  5. ".wh.NAME" hides NAME of the layers below, never of this layer, in whatever order (image-spec). Where
//     the layer also has NAME, the entry wins: a directory is then opaque. A directory that is implied by
//     whiteouts alone does not win (some tools write ".wh.a" and "a/.wh.b").
//  6. ".wh..wh..opq" makes its directory opaque, in whatever order. Other ".wh..wh." names are aufs metadata
//     and are skipped with all below. ".wh.", ".wh..", ".wh..." and directories named ".wh.NAME" are refused.
//     A character device 0:0 is what overlayfs itself takes for a whiteout, so it is one.
//  7. A hard link is one more name of an earlier entry; its own attributes are not used (writers repeat the
//     first's). The target is cleaned and followed as in 1 and 4, but for its last part. Not in this layer:
//     recorded for the merge (containerd; containers/storage refuses). To a directory: refused.
//  8. Kept xattrs: user.*, security.capability. Dropped: what describes overlayfs' own state
//     (user.overlay.*), what rootless engines cannot set or the host decides (trusted.*, security.selinux,
//     security.ima and the rest of security.*), and system.* (ACLs, which no image builder writes).
//  9. Every mode, owner, time and device number is data: nothing is created on the host.
#include "storage/overlay/index_builder.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "storage/overlay/content_digests.h"
#include "storage/overlay/index_writer.h"
#include "storage/overlay/layer_path.h"
#include "storage/overlay/layer_tree.h"

namespace wolffia {
namespace {

constexpr size_t kMaxEntries = 16 << 20;  // of a layer, those that were replaced included
constexpr size_t kMaxXattrName = 255;     // XATTR_NAME_MAX
constexpr size_t kMaxXattrValue = 65536;  // XATTR_SIZE_MAX
constexpr size_t kMaxXattrNames = 65536;  // XATTR_LIST_MAX, of all names with their terminators
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

using Payload = LayerTree::Payload;

std::unexpected<Error> Invalid(std::string_view path, const char* why) {
  return Fail(Code::kInvalid, "\"" + Printable(path) + "\" " + why);
}

bool KeepsXattr(std::string_view name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

Result<> CheckEntry(const LayerEntry& entry) {
  auto invalid = [&](const char* why) { return Invalid(entry.path, why); };
  if (entry.uid == kNoNode || entry.gid == kNoNode) return invalid("has an impossible owner");
  if (entry.mtime_nsec >= 1'000'000'000) return invalid("has an impossible time");
  size_t names = 0;
  for (const auto& [name, value] : entry.xattrs) {
    if ((names += name.size() + 1) > kMaxXattrNames) return invalid("has too many extended attributes");
    if (name.empty() || name.size() > kMaxXattrName || name.find('\0') != name.npos)
      return invalid("has an extended attribute with an impossible name");
    if (value.size() > kMaxXattrValue) return invalid("has an extended attribute over 64 KiB");
  }
  switch (entry.mode & S_IFMT) {
    case S_IFREG:
      if (entry.size > kMaxOffset || entry.data_offset > kMaxOffset - entry.size)
        return invalid("is larger than a file can be");
      return {};
    case S_IFLNK:
      if (entry.link_target.empty() || entry.link_target.size() > kMaxTargetBytes ||
          entry.link_target.find('\0') != std::string::npos)
        return invalid("is a symbolic link without a valid target");
      return {};
    case S_IFDIR:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
      return {};
    default:
      return invalid("is of a type that an image cannot have");
  }
}

// Sorted by name, the last of equal names, only those that are kept.
std::vector<std::pair<std::string, std::string>> KeptXattrs(LayerEntry& entry) {
  std::map<std::string, std::string> kept;
  for (auto& [name, value] : entry.xattrs)
    if (KeepsXattr(name)) kept[std::move(name)] = std::move(value);
  return {std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end())};
}

std::unique_ptr<Payload> PayloadOf(LayerEntry& entry) {
  auto payload = std::make_unique<Payload>();
  payload->xattrs = KeptXattrs(entry);
  if (S_ISLNK(entry.mode)) payload->target = std::move(entry.link_target);
  if (S_ISREG(entry.mode) && entry.sparse)
    for (const TarExtent& e : entry.extents)
      payload->extents.push_back({e.file_offset, e.tar_offset, e.size, e.first_digest});
  if (payload->xattrs.empty() && payload->target.empty() && payload->extents.empty()) return nullptr;
  return payload;
}

IndexNode FieldsOf(const LayerEntry& entry) {
  IndexNode fields{};
  fields.mode = entry.mode & (S_IFMT | 07777);
  fields.uid = entry.uid;
  fields.gid = entry.gid;
  fields.mtime_sec = entry.mtime_sec;
  fields.mtime_nsec = entry.mtime_nsec;
  if (S_ISREG(entry.mode)) {
    fields.size = entry.size;
    fields.flags = entry.sparse ? kNodeSparse : 0;
    fields.data = entry.sparse ? 0 : entry.data_offset;
    fields.count = entry.sparse ? 0 : static_cast<uint32_t>(entry.first_digest);
  } else if (S_ISCHR(entry.mode) || S_ISBLK(entry.mode)) {
    fields.data = entry.rdev;
  }
  return fields;
}

}  // namespace

struct IndexBuilder::State {
  LayerTree tree;
  ContentDigests digests;
  std::vector<std::string_view> components, target_components;  // of the entry at hand
  // Tars list a directory's files one after another: the directory of the entry before, by its raw spelling.
  std::string recent_prefix;
  uint32_t recent = kNoNode;

  // Splits the entry's path and finds its directory; nullopt for aufs metadata, which is skipped.
  Result<std::optional<uint32_t>> ParentOf(const LayerEntry& entry);
  Result<> ExpectContent(LayerEntry& entry);
  Result<> AddRoot(LayerEntry& entry);
  Result<> AddAt(LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> AddWhiteout(const LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> AddHardLink(const LayerEntry& entry, uint32_t parent, std::string_view name);
  void AddDirectory(LayerEntry& entry, uint32_t parent, std::string_view name);
  void Assign(uint32_t parent, std::string_view name, uint32_t node) {
    if (tree.Assign(parent, name, node)) recent = kNoNode;
  }
};

Result<std::optional<uint32_t>> IndexBuilder::State::ParentOf(const LayerEntry& entry) {
  std::string_view prefix = entry.path;
  size_t slash = prefix.rfind('/');
  prefix = slash == prefix.npos ? std::string_view() : prefix.substr(0, slash);
  std::string_view last = std::string_view(entry.path).substr(slash == std::string::npos ? 0 : slash + 1);
  bool plain = !last.empty() && last != "." && last != "..";
  if (plain && recent != kNoNode && prefix == recent_prefix && entry.path.size() <= kMaxPathBytes &&
      last.size() <= kMaxNameBytes && last.find('\0') == last.npos) {
    components.assign(1, last);
    return recent;
  }
  TRY(SplitLayerPath(entry.path, components));
  if (components.empty()) return uint32_t{0};
  std::span<const std::string_view> parents(components.data(), components.size() - 1);
  for (std::string_view name : parents) {
    NameKind kind = KindOfName(name);
    if (kind == NameKind::kMetadata) return std::optional<uint32_t>();
    if (kind != NameKind::kEntry) return Invalid(entry.path, "is below the name of a whiteout");
  }
  uint32_t parent = TRY_WITH(tree.Walk(parents, true), "\"" + Printable(entry.path) + "\"");
  if (plain) {
    recent_prefix = prefix;
    recent = parent;
  }
  return parent;
}

Result<> IndexBuilder::State::ExpectContent(LayerEntry& entry) {
  if (entry.hard_link || !S_ISREG(entry.mode)) return {};
  if (!entry.sparse) {
    entry.first_digest = TRY(digests.Expect(entry.data_offset, entry.size));
    return {};
  }
  for (TarExtent& e : entry.extents) e.first_digest = TRY(digests.Expect(e.tar_offset, e.size));
  return {};
}

Result<> IndexBuilder::State::AddRoot(LayerEntry& entry) {
  if (!S_ISDIR(entry.mode) || entry.hard_link) return Invalid(entry.path, "is the root, but not a directory");
  tree.SetDirectory(0, FieldsOf(entry), PayloadOf(entry));
  return {};
}

Result<> IndexBuilder::State::AddAt(LayerEntry& entry, uint32_t parent, std::string_view name) {
  switch (KindOfName(name)) {
    case NameKind::kMetadata:
      return {};
    case NameKind::kOpaque:
      tree.SetOpaque(parent);
      return {};
    case NameKind::kWhiteout:
      return AddWhiteout(entry, parent, WhitedOutName(name));
    case NameKind::kEntry:
      break;
  }
  if (entry.hard_link) return AddHardLink(entry, parent, name);
  if (S_ISCHR(entry.mode) && entry.rdev == 0) {
    tree.SetWhiteout(parent, name);
  } else if (S_ISDIR(entry.mode)) {
    AddDirectory(entry, parent, name);
  } else {
    Assign(parent, name, tree.NewNode(FieldsOf(entry), PayloadOf(entry)));
  }
  return {};
}

Result<> IndexBuilder::State::AddWhiteout(const LayerEntry& entry, uint32_t parent, std::string_view name) {
  if (S_ISDIR(entry.mode) && !entry.hard_link)
    return Invalid(entry.path, "is a directory with the name of a whiteout");
  if (name.empty() || name == "." || name == "..") return Invalid(entry.path, "is a whiteout of no name");
  tree.SetWhiteout(parent, name);
  return {};
}

void IndexBuilder::State::AddDirectory(LayerEntry& entry, uint32_t parent, std::string_view name) {
  uint32_t n = tree.Find(parent, name);
  if (n == kNoNode || !tree.IsDirectory(n)) {
    n = tree.NewDirectory(parent);
    Assign(parent, name, n);
  }
  tree.SetDirectory(n, FieldsOf(entry), PayloadOf(entry));
}

Result<> IndexBuilder::State::AddHardLink(const LayerEntry& entry, uint32_t parent, std::string_view name) {
  std::string context = "hard link \"" + Printable(entry.path) + "\"";
  TRY_WITH(SplitLayerPath(entry.link_target, target_components), context);
  if (target_components.empty()) return Invalid(entry.path, "is a hard link to the root directory");
  std::span<const std::string_view> parents(target_components.data(), target_components.size() - 1);
  uint32_t directory = TRY_WITH(tree.Walk(parents, false), context);
  uint32_t target = directory == kNoNode ? kNoNode : tree.Find(directory, target_components.back());
  if (target != kNoNode) {
    if (tree.IsDirectory(target)) return Invalid(entry.path, "is a hard link to a directory");
    Assign(parent, name, target);
    return {};
  }
  auto payload = std::make_unique<Payload>();
  for (std::string_view part : target_components) {
    if (!payload->target.empty()) payload->target += '/';
    payload->target += part;
  }
  if (payload->target.size() > kMaxTargetBytes)
    return Invalid(entry.path, "is a hard link with too long a target");
  IndexNode fields{};
  fields.mode = S_IFLNK | 0777;
  fields.flags = kNodeLowerLink;
  Assign(parent, name, tree.NewNode(fields, std::move(payload)));
  return {};
}

IndexBuilder::IndexBuilder() : state_(std::make_unique<State>()) {}
IndexBuilder::~IndexBuilder() = default;

Result<> IndexBuilder::Add(LayerEntry entry) {
  if (!entry.hard_link) TRY(CheckEntry(entry));
  if (state_->tree.node_count() >= kMaxEntries)
    return Invalid(entry.path, "is one entry too many for a layer");
  TRY(state_->ExpectContent(entry));
  auto parent = TRY(state_->ParentOf(entry));
  if (!parent) return {};
  if (state_->components.empty()) return state_->AddRoot(entry);
  return state_->AddAt(entry, *parent, state_->components.back());
}

void IndexBuilder::Data(uint64_t tar_offset, std::string_view bytes) {
  state_->digests.Pass(tar_offset, bytes);
}

Result<std::string> IndexBuilder::Finish() {
  IndexWriter writer;
  state_->tree.Write(writer);
  bool complete = false;
  writer.AddDigests(state_->digests.Take(&complete));
  return writer.Finish(1, complete ? kIndexHasDigests : 0);
}

}  // namespace wolffia
