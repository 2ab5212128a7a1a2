#include "storage/overlay/layer_tree.h"

#include <sys/stat.h>

#include <algorithm>

#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {

constexpr size_t kMaxNodes = 16 << 20;       // bounds memory against short entries that imply deep paths
constexpr int kMaxSymlinks = 40;             // as the kernel
constexpr size_t kMaxLinkComponents = 1024;  // put into one walk by symlinks

std::unexpected<Error> Invalid(std::string_view name, const char* why) {
  return Fail(Code::kInvalid, "\"" + Printable(name) + "\" " + why);
}

}  // namespace

uint32_t LayerTree::NewNode(const IndexNode& fields, std::unique_ptr<Payload> payload) {
  nodes_.push_back({fields, std::move(payload), nullptr});
  return static_cast<uint32_t>(nodes_.size() - 1);
}

uint32_t LayerTree::NewDirectory(uint32_t parent) {
  IndexNode fields{};
  fields.mode = S_IFDIR | 0755;
  fields.flags = kNodeImplicit;
  fields.parent = parent;
  uint32_t n = NewNode(fields, nullptr);
  nodes_[n].children = std::make_unique<Children>();
  return n;
}

void LayerTree::SetDirectory(uint32_t directory, const IndexNode& fields, std::unique_ptr<Payload> payload) {
  Node& node = nodes_[directory];
  IndexNode before = std::exchange(node.fields, fields);
  node.fields.nlink = before.nlink;
  node.fields.parent = before.parent;
  node.fields.flags = before.flags & kNodeOpaque;
  node.payload = std::move(payload);
}

LayerTree::Slot& LayerTree::SlotOf(uint32_t directory, std::string_view name) {
  Children& children = *nodes_[directory].children;
  auto at = children.lower_bound(name);
  if (at == children.end() || at->first != name) at = children.emplace_hint(at, name, Slot{});
  return at->second;
}

uint32_t LayerTree::Find(uint32_t directory, std::string_view name) const {
  const Children& children = *nodes_[directory].children;
  auto at = children.find(name);
  return at == children.end() ? kNoNode : at->second.node;
}

bool LayerTree::Assign(uint32_t directory, std::string_view name, uint32_t node) {
  Slot& slot = SlotOf(directory, name);
  ++nodes_[node].fields.nlink;  // first: it may be below what is dropped, or be it
  uint32_t before = std::exchange(slot.node, node);
  if (before == kNoNode) return false;
  DropName(before);
  return true;
}

// Takes one name of a node away; with the last one the node and all that is below it are gone.
void LayerTree::DropName(uint32_t node) {
  std::vector<uint32_t> dropped = {node};
  while (!dropped.empty()) {
    Node& n = nodes_[dropped.back()];
    dropped.pop_back();
    if (--n.fields.nlink > 0) continue;
    if (n.children)
      for (const auto& [name, slot] : *n.children)
        if (slot.node != kNoNode) dropped.push_back(slot.node);
    n.payload.reset();
    n.children.reset();
  }
}

Result<uint32_t> LayerTree::Walk(std::span<const std::string_view> parents, bool create) {
  steps_.clear();
  for (size_t i = parents.size(); i > 0; --i) steps_.push_back({parents[i - 1], false});
  uint32_t directory = 0;
  int links = 0;
  size_t inserted = 0;
  while (!steps_.empty()) {
    Step step = steps_.back();
    steps_.pop_back();
    if (step.name == "..") {  // only a symlink's target still has one
      directory = nodes_[directory].fields.parent;
      continue;
    }
    uint32_t next = Find(directory, step.name);
    if (next == kNoNode) {
      if (!create) return kNoNode;
      directory = TRY(Imply(directory, step));
    } else if (IsDirectory(next)) {
      directory = next;
    } else if (S_ISLNK(nodes_[next].fields.mode) && (nodes_[next].fields.flags & kNodeLowerLink) == 0) {
      if (++links > kMaxSymlinks || !FollowLink(next, directory, inserted))
        return Invalid(step.name, "is one symbolic link too many");
    } else {
      if (!create) return kNoNode;
      return Invalid(step.name, "is not a directory, but the layer has names below it");
    }
  }
  return directory;
}

Result<uint32_t> LayerTree::Imply(uint32_t directory, const Step& step) {
  if (step.from_link)
    return Invalid(step.name, "is where a symbolic link on the path leads, and is not in this layer");
  if (nodes_.size() >= kMaxNodes) return Invalid(step.name, "is one directory too many for a layer");
  uint32_t made = NewDirectory(directory);
  Assign(directory, step.name, made);
  return made;
}

// Puts a symlink's target before the steps that are left. False: too many.
bool LayerTree::FollowLink(uint32_t link, uint32_t& directory, size_t& inserted) {
  std::string_view target = nodes_[link].payload->target;
  if (target.starts_with('/')) directory = 0;
  size_t first = steps_.size();
  for (size_t at = 0; at < target.size();) {
    size_t end = std::min(target.find('/', at), target.size());
    std::string_view name = target.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    if (++inserted > kMaxLinkComponents) return false;
    steps_.push_back({name, true});
  }
  std::reverse(steps_.begin() + static_cast<std::ptrdiff_t>(first), steps_.end());
  return true;
}

// For each directory: whether this layer has an entry for it or for something below it. Children come after
// their parents, so from the last to the first.
std::vector<bool> LayerTree::DirectoriesWithEntries() const {
  std::vector<bool> result(nodes_.size());
  for (size_t n = nodes_.size(); n-- > 0;) {
    if (!nodes_[n].children) continue;
    bool any = (nodes_[n].fields.flags & kNodeImplicit) == 0;
    for (auto at = nodes_[n].children->begin(); !any && at != nodes_[n].children->end(); ++at) {
      uint32_t child = at->second.node;
      any = child != kNoNode && (!nodes_[child].children || result[child]);
    }
    result[n] = any;
  }
  return result;
}

uint32_t LayerTree::WriteNode(IndexWriter& writer, const Node& node, bool opaque) const {
  IndexNode fields = node.fields;
  if (opaque) fields.flags |= kNodeOpaque;
  uint32_t out = writer.AddNode(fields);
  if (!node.payload) return out;
  if (S_ISLNK(fields.mode)) writer.SetTarget(out, node.payload->target);
  if (!node.payload->extents.empty()) writer.SetExtents(out, node.payload->extents);
  for (const auto& [name, value] : node.payload->xattrs) writer.AddXattr(out, name, value);
  return out;
}

void LayerTree::Write(IndexWriter& writer) const {
  IndexNode whiteout{};
  whiteout.flags = kNodeWhiteout;
  std::vector<bool> has_entries = DirectoriesWithEntries();
  std::vector<uint32_t> written(nodes_.size(), kNoNode);
  std::vector<uint32_t> queue = {0};
  written[0] = WriteNode(writer, nodes_[0], false);
  for (size_t at = 0; at < queue.size(); ++at) {
    writer.BeginDirectory(written[queue[at]]);
    for (const auto& [name, slot] : *nodes_[queue[at]].children) {
      uint32_t n = slot.node;
      bool directory = n != kNoNode && IsDirectory(n);
      if (slot.whiteout && (n == kNoNode || (directory && !has_entries[n]))) {
        writer.AddDirent(name, writer.AddNode(whiteout));
      } else if (n != kNoNode) {
        if (written[n] == kNoNode) {
          written[n] = WriteNode(writer, nodes_[n], directory && slot.whiteout);
          if (directory) queue.push_back(n);
        }
        writer.AddDirent(name, written[n]);
      }
    }
  }
}

}  // namespace wolffia
