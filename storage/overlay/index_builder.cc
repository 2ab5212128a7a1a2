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

#include "storage/overlay/index_writer.h"
#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {

constexpr size_t kMaxNodes = 16 << 20;       // bounds memory against short entries that imply deep paths
constexpr int kMaxSymlinks = 40;             // as the kernel
constexpr size_t kMaxLinkComponents = 1024;  // put into one walk by symlinks
constexpr size_t kMaxXattrName = 255;        // XATTR_NAME_MAX
constexpr size_t kMaxXattrValue = 65536;     // XATTR_SIZE_MAX
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

// A name in a directory: an entry of this layer, a whiteout, or both.
struct Slot {
  uint32_t node = kNoNode;
  bool whiteout = false;
};
using Children = std::map<std::string, Slot, std::less<>>;

// What only some nodes have.
struct Payload {
  std::string target;
  std::vector<IndexExtent> extents;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

struct TreeNode {
  IndexNode fields{};  // nlink counts names while the tree is made; parent is that of a directory
  std::unique_ptr<Payload> payload;
  std::unique_ptr<Children> children;
};

std::unexpected<Error> Invalid(std::string_view path, const std::string& why) {
  return Fail(Code::kInvalid, "\"" + Printable(path) + "\" " + why);
}

bool IsDirectory(const TreeNode& node) {
  return S_ISDIR(node.fields.mode);
}

bool KeepsXattr(std::string_view name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

Result<> CheckEntry(const LayerEntry& entry) {
  auto invalid = [&](const char* why) { return Invalid(entry.path, why); };
  if (entry.uid == kNoNode || entry.gid == kNoNode) return invalid("has an impossible owner");
  if (entry.mtime_nsec >= 1'000'000'000) return invalid("has an impossible time");
  for (const auto& [name, value] : entry.xattrs) {
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
      payload->extents.push_back({e.file_offset, e.tar_offset, e.size});
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
  } else if (S_ISCHR(entry.mode) || S_ISBLK(entry.mode)) {
    fields.data = entry.rdev;
  }
  return fields;
}

}  // namespace

struct IndexBuilder::Tree {
  std::vector<TreeNode> nodes;  // a directory comes after its parent; one that no name refers to is dead
  std::vector<std::string_view> components, target_components;  // of the entry at hand
  // Tars list a directory's files one after another: the directory of the entry before, by its raw spelling.
  std::string recent_prefix;
  uint32_t recent = kNoNode;

  // One part of a path that is being walked, and whether a symlink put it there.
  struct Step {
    std::string_view name;
    bool from_link;
  };
  std::vector<Step> steps;

  Tree() { NewDirectory(0); }

  uint32_t NewNode(IndexNode fields) {
    nodes.push_back({fields, nullptr, nullptr});
    return static_cast<uint32_t>(nodes.size() - 1);
  }

  uint32_t NewDirectory(uint32_t parent) {
    IndexNode fields{};
    fields.mode = S_IFDIR | 0755;
    fields.flags = kNodeImplicit;
    fields.parent = parent;
    uint32_t n = NewNode(fields);
    nodes[n].children = std::make_unique<Children>();
    return n;
  }

  // The directory that `parents` lead to. With `create`, what is missing is implied; without, kNoNode.
  Result<uint32_t> Walk(std::span<const std::string_view> parents, bool create);
  // Puts a symlink's target in front of the steps that are left. False: too many.
  bool FollowLink(uint32_t link, uint32_t& directory, int& links, size_t& inserted);
  Result<> AddDirectory(LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> AddHardLink(const LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> AddWhiteout(const LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> AddAt(LayerEntry& entry, uint32_t parent, std::string_view name);
  Result<> SetRoot(LayerEntry& entry);
  // Splits the entry's path and finds its directory; nullopt for aufs metadata, which is skipped.
  Result<std::optional<uint32_t>> ParentOf(const LayerEntry& entry);
  Slot& SlotOf(uint32_t parent, std::string_view name) {
    Children& children = *nodes[parent].children;
    auto at = children.lower_bound(name);
    if (at == children.end() || at->first != name) at = children.emplace_hint(at, name, Slot{});
    return at->second;
  }
  void Assign(uint32_t parent, std::string_view name, uint32_t node);
  void DropName(uint32_t node);
  std::vector<bool> DirectoriesWithEntries() const;
  void WriteDirectory(IndexWriter& writer, uint32_t tree_node, uint32_t out,
                      const std::vector<bool>& has_entries, std::vector<std::pair<uint32_t, uint32_t>>& queue,
                      std::vector<uint32_t>& written);
  uint32_t WriteNode(IndexWriter& writer, const TreeNode& node, bool opaque) const;
};

Result<uint32_t> IndexBuilder::Tree::Walk(std::span<const std::string_view> parents, bool create) {
  steps.clear();
  for (size_t i = parents.size(); i > 0; --i) steps.push_back({parents[i - 1], false});
  uint32_t directory = 0;
  int links = 0;
  size_t inserted = 0;
  while (!steps.empty()) {
    Step step = steps.back();
    steps.pop_back();
    if (step.name == "..") {  // only a symlink's target still has one
      directory = nodes[directory].fields.parent;
      continue;
    }
    Children& children = *nodes[directory].children;
    auto at = children.lower_bound(step.name);
    bool found = at != children.end() && at->first == step.name;
    if (!found || at->second.node == kNoNode) {
      if (!create) return kNoNode;
      if (step.from_link)
        return Invalid(step.name, "is where a symbolic link on the path leads, and is not in this layer");
      if (nodes.size() >= kMaxNodes) return Invalid(step.name, "is one directory too many for a layer");
      if (!found) at = children.emplace_hint(at, step.name, Slot{});
      uint32_t made = NewDirectory(directory);  // `at` stays valid: only the vector of nodes moves
      nodes[made].fields.nlink = 1;
      at->second.node = directory = made;
      continue;
    }
    uint32_t next = at->second.node;
    if (IsDirectory(nodes[next])) {
      directory = next;
    } else if (S_ISLNK(nodes[next].fields.mode) && (nodes[next].fields.flags & kNodeLowerLink) == 0) {
      if (!FollowLink(next, directory, links, inserted))
        return Invalid(step.name, "is one symbolic link too many");
    } else if (create) {
      return Invalid(step.name, "is not a directory, but the layer has names below it");
    } else {
      return kNoNode;
    }
  }
  return directory;
}

bool IndexBuilder::Tree::FollowLink(uint32_t link, uint32_t& directory, int& links, size_t& inserted) {
  std::string_view target = nodes[link].payload->target;
  if (++links > kMaxSymlinks) return false;
  if (target.starts_with('/')) directory = 0;
  size_t first = steps.size();
  for (size_t at = 0; at < target.size();) {
    size_t end = std::min(target.find('/', at), target.size());
    std::string_view name = target.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (++inserted > kMaxLinkComponents) return false;
    steps.push_back({name, true});
  }
  std::reverse(steps.begin() + static_cast<std::ptrdiff_t>(first), steps.end());
  return true;
}

// Takes one name of a node away; with the last one the node and all that is below it are gone.
void IndexBuilder::Tree::DropName(uint32_t node) {
  std::vector<uint32_t> dropped = {node};
  while (!dropped.empty()) {
    TreeNode& n = nodes[dropped.back()];
    dropped.pop_back();
    if (--n.fields.nlink > 0) continue;
    if (n.children)
      for (const auto& [name, slot] : *n.children)
        if (slot.node != kNoNode) dropped.push_back(slot.node);
    n.payload.reset();
    n.children.reset();
  }
}

// Gives the name to `node`, which replaces what had it.
void IndexBuilder::Tree::Assign(uint32_t parent, std::string_view name, uint32_t node) {
  Slot& slot = SlotOf(parent, name);
  ++nodes[node].fields.nlink;
  uint32_t before = std::exchange(slot.node, node);
  if (before == kNoNode) return;
  recent = kNoNode;
  DropName(before);
}

Result<> IndexBuilder::Tree::SetRoot(LayerEntry& entry) {
  if (!S_ISDIR(entry.mode) || entry.hard_link) return Invalid(entry.path, "is the root, but not a directory");
  IndexNode fields = FieldsOf(entry);
  fields.flags = nodes[0].fields.flags & kNodeOpaque;
  nodes[0].fields = fields;
  nodes[0].payload = PayloadOf(entry);
  return {};
}

Result<> IndexBuilder::Tree::AddDirectory(LayerEntry& entry, uint32_t parent, std::string_view name) {
  uint32_t n = SlotOf(parent, name).node;
  if (n == kNoNode || !IsDirectory(nodes[n])) {
    n = NewDirectory(parent);
    Assign(parent, name, n);
  }
  IndexNode& fields = nodes[n].fields;
  auto [nlink, flags] = std::pair(fields.nlink, fields.flags);
  fields = FieldsOf(entry);
  fields.nlink = nlink;
  fields.flags = flags & kNodeOpaque;
  fields.parent = parent;
  nodes[n].payload = PayloadOf(entry);
  return {};
}

Result<> IndexBuilder::Tree::AddHardLink(const LayerEntry& entry, uint32_t parent, std::string_view name) {
  TRY_WITH(SplitLayerPath(entry.link_target, target_components),
           "hard link \"" + Printable(entry.path) + "\"");
  if (target_components.empty()) return Invalid(entry.path, "is a hard link to the root directory");
  std::span<const std::string_view> parents(target_components.data(), target_components.size() - 1);
  uint32_t directory = TRY_WITH(Walk(parents, false), "hard link \"" + Printable(entry.path) + "\"");
  if (directory != kNoNode) {
    const Children& children = *nodes[directory].children;
    auto at = children.find(target_components.back());
    if (at != children.end() && at->second.node != kNoNode) {
      uint32_t target = at->second.node;
      if (IsDirectory(nodes[target])) return Invalid(entry.path, "is a hard link to a directory");
      Assign(parent, name, target);
      return {};
    }
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
  uint32_t n = NewNode(fields);
  nodes[n].payload = std::move(payload);
  Assign(parent, name, n);
  return {};
}

Result<> IndexBuilder::Tree::AddWhiteout(const LayerEntry& entry, uint32_t parent, std::string_view name) {
  if (name.empty() || name == "." || name == "..") return Invalid(entry.path, "is a whiteout of no name");
  SlotOf(parent, name).whiteout = true;
  return {};
}

Result<> IndexBuilder::Tree::AddAt(LayerEntry& entry, uint32_t parent, std::string_view name) {
  switch (KindOfName(name)) {
    case NameKind::kMetadata:
      return {};
    case NameKind::kOpaque:
      nodes[parent].fields.flags |= kNodeOpaque;
      return {};
    case NameKind::kWhiteout:
      if (S_ISDIR(entry.mode) && !entry.hard_link)
        return Invalid(entry.path, "is a directory with the name of a whiteout");
      return AddWhiteout(entry, parent, WhitedOutName(name));
    case NameKind::kEntry:
      break;
  }
  if (entry.hard_link) return AddHardLink(entry, parent, name);
  if (S_ISCHR(entry.mode) && entry.rdev == 0) {
    Slot& slot = SlotOf(parent, name);
    slot.whiteout = true;
    return {};
  }
  if (S_ISDIR(entry.mode)) return AddDirectory(entry, parent, name);
  uint32_t n = NewNode(FieldsOf(entry));
  nodes[n].payload = PayloadOf(entry);
  Assign(parent, name, n);
  return {};
}

Result<std::optional<uint32_t>> IndexBuilder::Tree::ParentOf(const LayerEntry& entry) {
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
  uint32_t parent = TRY_WITH(Walk(parents, true), "\"" + Printable(entry.path) + "\"");
  if (plain) {
    recent_prefix = prefix;
    recent = parent;
  }
  return parent;
}

IndexBuilder::IndexBuilder() : tree_(std::make_unique<Tree>()) {}
IndexBuilder::~IndexBuilder() = default;

Result<> IndexBuilder::Add(LayerEntry entry) {
  if (!entry.hard_link) TRY(CheckEntry(entry));
  if (tree_->nodes.size() >= kMaxNodes) return Invalid(entry.path, "is one entry too many for a layer");
  auto parent = TRY(tree_->ParentOf(entry));
  if (!parent) return {};
  if (tree_->components.empty()) return tree_->SetRoot(entry);
  return tree_->AddAt(entry, *parent, tree_->components.back());
}

// For each directory: whether this layer has an entry for it or for something below it.
std::vector<bool> IndexBuilder::Tree::DirectoriesWithEntries() const {
  std::vector<bool> result(nodes.size());
  for (size_t n = nodes.size(); n-- > 0;) {
    if (!nodes[n].children) continue;
    bool any = (nodes[n].fields.flags & kNodeImplicit) == 0;
    for (auto at = nodes[n].children->begin(); !any && at != nodes[n].children->end(); ++at) {
      uint32_t child = at->second.node;
      any = child != kNoNode && (!nodes[child].children || result[child]);
    }
    result[n] = any;
  }
  return result;
}

uint32_t IndexBuilder::Tree::WriteNode(IndexWriter& writer, const TreeNode& node, bool opaque) const {
  IndexNode fields = node.fields;
  if (opaque) fields.flags |= kNodeOpaque;
  uint32_t out = writer.AddNode(fields);
  if (!node.payload) return out;
  if (S_ISLNK(fields.mode)) writer.SetTarget(out, node.payload->target);
  if (!node.payload->extents.empty()) writer.SetExtents(out, node.payload->extents);
  for (const auto& [name, value] : node.payload->xattrs) writer.AddXattr(out, name, value);
  return out;
}

void IndexBuilder::Tree::WriteDirectory(IndexWriter& writer, uint32_t tree_node, uint32_t out,
                                        const std::vector<bool>& has_entries,
                                        std::vector<std::pair<uint32_t, uint32_t>>& queue,
                                        std::vector<uint32_t>& written) {
  writer.BeginDirectory(out);
  for (const auto& [name, slot] : *nodes[tree_node].children) {
    uint32_t n = slot.node;
    bool directory = n != kNoNode && IsDirectory(nodes[n]);
    if (slot.whiteout && (n == kNoNode || (directory && !has_entries[n]))) {
      IndexNode whiteout{};
      whiteout.flags = kNodeWhiteout;
      writer.AddDirent(name, writer.AddNode(whiteout));
    } else if (n != kNoNode) {
      if (written[n] == kNoNode) {
        written[n] = WriteNode(writer, nodes[n], directory && slot.whiteout);
        if (directory) queue.emplace_back(n, written[n]);
      }
      writer.AddDirent(name, written[n]);
    }
  }
}

Result<std::string> IndexBuilder::Finish() {
  IndexWriter writer;
  std::vector<bool> has_entries = tree_->DirectoriesWithEntries();
  std::vector<uint32_t> written(tree_->nodes.size(), kNoNode);
  written[0] = tree_->WriteNode(writer, tree_->nodes[0], false);
  std::vector<std::pair<uint32_t, uint32_t>> queue = {{0, written[0]}};
  for (size_t at = 0; at < queue.size(); ++at) {
    auto [tree_node, out] = queue[at];
    tree_->WriteDirectory(writer, tree_node, out, has_entries, queue, written);
  }
  return writer.Finish(1, 0);
}

}  // namespace wolffia
