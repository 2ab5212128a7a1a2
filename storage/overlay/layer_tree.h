// LayerTree: the tree that the index builder makes of a layer, in memory: names, nodes, whiteouts. It keeps
// the structure sound (parents before children, names counted, what loses its last name is gone); which entry
// does what to it is decided by the builder. Nothing is recursive: paths of any depth cost memory only.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/index_format.h"
#include "storage/overlay/index_writer.h"

namespace wolffia {

class LayerTree {
 public:
  // A name in a directory: an entry of this layer, a whiteout, or both.
  struct Slot {
    uint32_t node = kNoNode;
    bool whiteout = false;
  };

  // What only some nodes have.
  struct Payload {
    std::string target;  // of a symlink: never empty
    std::vector<IndexExtent> extents;
    std::vector<std::pair<std::string, std::string>> xattrs;
  };

  LayerTree() { NewDirectory(0); }  // node 0, the root, implied

  size_t node_count() const { return nodes_.size(); }
  const IndexNode& fields(uint32_t node) const { return nodes_[node].fields; }
  bool IsDirectory(uint32_t node) const { return nodes_[node].children != nullptr; }

  // New nodes have no name yet. A directory comes after its parent.
  uint32_t NewNode(const IndexNode& fields, std::unique_ptr<Payload> payload);
  uint32_t NewDirectory(uint32_t parent);
  // Gives a directory attributes of its own.
  void SetDirectory(uint32_t directory, const IndexNode& fields, std::unique_ptr<Payload> payload);
  void SetOpaque(uint32_t directory) { nodes_[directory].fields.flags |= kNodeOpaque; }
  void SetWhiteout(uint32_t directory, std::string_view name) { SlotOf(directory, name).whiteout = true; }

  // The node that has the name; kNoNode.
  uint32_t Find(uint32_t directory, std::string_view name) const;
  // Gives the name to `node`. True if another lost it: what was found by Walk before may be gone.
  bool Assign(uint32_t directory, std::string_view name, uint32_t node);
  // The directory that `parents` lead to from the root, through symlinks, never above the root. With
  // `create`, what is missing is implied; without, it gives kNoNode. kInvalid if the way is blocked.
  Result<uint32_t> Walk(std::span<const std::string_view> parents, bool create);

  // Adds all to an empty writer.
  void Write(IndexWriter& writer) const;

 private:
  using Children = std::map<std::string, Slot, std::less<>>;
  struct Node {
    IndexNode fields{};  // nlink counts names; parent is that of a directory
    std::unique_ptr<Payload> payload;
    std::unique_ptr<Children> children;  // of a directory
  };
  // One part of a path that is being walked, and whether a symlink put it there.
  struct Step {
    std::string_view name;
    bool from_link;
  };

  Slot& SlotOf(uint32_t directory, std::string_view name);
  void DropName(uint32_t node);
  Result<uint32_t> Imply(uint32_t directory, const Step& step);
  bool FollowLink(uint32_t link, uint32_t& directory, size_t& inserted);
  std::vector<bool> DirectoriesWithEntries() const;
  uint32_t WriteNode(IndexWriter& writer, const Node& node, bool opaque) const;

  std::vector<Node> nodes_;
  std::vector<Step> steps_;  // of the walk at hand, the next one last
};

}  // namespace wolffia
