// Node, NodeTable and OverlayState: what the parts of OverlayTree share. Private to overlay_*.cc.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "storage/overlay/descriptor_cache.h"
#include "storage/overlay/overlay_tree.h"

namespace wolffia {

struct Node;
using NodePtr = std::shared_ptr<Node>;

// What a Node keeps of an UpperObject: not what the host is asked for anew. There may be a million of them.
struct KeptObject {
  KeptObject() = default;
  explicit KeptObject(UpperObject object);
  UpperObject Full(uint64_t host_ino) const;

  struct {
    mode_t st_mode = 0;
    uid_t st_uid = 0;
    gid_t st_gid = 0;
    dev_t st_rdev = 0;
  } st;
  UpperObject::Kind kind = UpperObject::Kind::kAbsent;
  bool host_link = false;
  bool overridden = false;
  bool opaque = false;
  std::unique_ptr<std::string> redirect;  // null: none
  uint64_t origin = 0;
};

// Of a directory alone.
struct DirectoryFacts {
  // Its system.posix_acl_default, once it has been asked for ("": it has none). Reset by whoever sets or
  // removes it.
  std::optional<std::string> default_acl;
  std::atomic<uint64_t> changes = 0;  // of its names
  // In the upper; -1: not counted yet. Counted under the shared lock, by whoever asks first.
  std::atomic<int64_t> subdirectories = -1;
  struct stat last{};  // of one that was removed
};

// An inode that has something in the upper, or has lost its lower name. Fields change under the exclusive
// tree lock only.
struct Node {
  uint64_t nodeid = 0;
  LowerId lower =
      kNoLower;  // file: its bytes, until it is copied up. Directory: what shines through. kNoLower: nothing
  std::unique_ptr<DirectoryFacts> directory;  // null: it is none
  bool in_upper = false;
  // Where it is in the upper (in_upper), or would be (a lower directory or file with a Node): a name in a
  // directory; or in work/.
  NodePtr parent;    // nullptr: the root, or an orphan
  std::string name;  // of an orphan: its name in work/
  bool orphan = false;
  bool spare_name = false;     // an orphan that has other names: its host link count is one too high
  uint32_t lost_links = 0;     // of a lower file that is not copied up: names that were removed
  uint64_t host_ino = 0;       // in_upper
  uint64_t linked_origin = 0;  // not 0: work/links/<it> is one of its names
  KeptObject object;           // in_upper: as of the last look
  uint64_t shown_ino = 0;
  Fd held;  // the host inode that shown_ino comes from, where it has gone from the upper (HoldInode)
  // What is known of two attributes that every write, or every chmod, would have to look for
  // (overlay_xattr.cc).
  enum class Presence : uint8_t { kUnknown, kAbsent, kPresent };
  std::atomic<Presence> capability = Presence::kUnknown, access_acl = Presence::kUnknown;
  std::atomic<uint64_t> lookups = 0;   // of the kernel; lower nodes count in LookupCounts instead
  std::atomic<uint32_t> children = 0;  // Nodes whose parent this is

  UpperObject Object() const { return object.Full(host_ino); }  // for UpperStore's functions
};

// Lookup counts of lower nodes, in pages that appear with the first count in them.
class LookupCounts {
 public:
  void Add(LowerId id, uint64_t n);
  bool Subtract(LowerId id, uint64_t n);  // true: it is zero now
  bool Any(LowerId id) const;

 private:
  static constexpr size_t kPage = 4096;
  mutable std::mutex lock_;
  std::vector<std::unique_ptr<std::array<uint32_t, kPage>>> pages_;
};

class NodeTable {
 public:
  NodePtr Find(uint64_t nodeid) const;
  NodePtr FindHost(uint64_t host_ino) const;
  // Adds it, or returns the one with the same nodeid that is there already.
  NodePtr Add(NodePtr node);
  void SetHostIno(const NodePtr& node, uint64_t host_ino);
  void Remove(const NodePtr& node);
  uint64_t NewNodeid() { return next_nodeid_.fetch_add(1); }

 private:
  mutable std::mutex lock_;
  std::unordered_map<uint64_t, NodePtr> nodes_;
  std::unordered_map<uint64_t, uint64_t> by_host_;  // nodeids of those in the upper
  std::atomic<uint64_t> next_nodeid_ = uint64_t{1} << 40;
  // Of DirectoryFacts::changes: a directory that is looked up again does not take its old listing.
  uint64_t generation_ = 0;
};

// The names of a directory that an upper directory takes part in, in a stable order (overlay_listing.cc).
struct Listing;

// Where a name is looked up.
struct DirectoryRef {
  NodePtr node;              // null: purely lower
  LowerId lower = kNoLower;  // what shines through
};

// What a name leads to: a Node, or something purely lower, or nothing.
struct Found {
  NodePtr node;
  LowerId lower = kNoLower;              // where there is no Node
  std::optional<struct stat> host = {};  // of a Node in the upper: what the host has just said
  bool exists() const { return node != nullptr || lower != kNoLower; }
  uint64_t nodeid() const { return node != nullptr ? node->nodeid : uint64_t{lower} + 1; }
};

struct OverlayState {
  std::unique_ptr<LowerSource> lower;
  std::unique_ptr<UpperStore> upper;  // null: read-only
  OverlayOptions options;
  Quota quota;
  std::array<std::mutex, 64> copy_locks;
  std::shared_mutex tree_lock;
  NodeTable nodes;
  LookupCounts counts;
  DescriptorCache directories, files;  // keyed by nodeid
  SharedFd root_fd;
  std::unordered_set<uint64_t> linked;  // inode numbers of lower files in work/links; under the tree lock
  std::mutex listings_lock;
  std::list<std::shared_ptr<const Listing>> listings;  // the most recent first
  uint64_t hash_key[2] = {};                           // of the order of new names in a listing
  std::atomic<uint64_t> orphans = 0;                   // names that the tree itself gives in work/

  OverlayState(std::unique_ptr<LowerSource> l, std::unique_ptr<UpperStore> u, OverlayOptions o);

  // --- overlay_node.cc ---
  // Called before the host inode of a node goes (a directory is removed, a symlink becomes a file): its
  // number is shown as long as the kernel knows the node, and must not come again meanwhile. A few at a time:
  // descriptors are few.
  void HoldInode(Node& node);
  std::atomic<size_t> held = 0;
  Sys<> Start();  // the root's Node, limits, what a crash left
  // Forgets a Node that nobody refers to, and then its parents. Exclusive tree lock.
  void DropUnused(NodePtr node);
  // The Node of a nodeid; a lower one gets one if it has none. Exclusive tree lock.
  Sys<NodePtr> NodeOf(uint64_t nodeid);
  void SetPlace(Node& node, NodePtr parent, std::string name);  // exclusive tree lock
  void MakeNameless(Node& node, std::string orphan_name);       // "": nothing of it is left in the upper

  // --- overlay_lookup.cc. With the tree lock held; shared is enough ---
  static bool IsLowerNodeid(uint64_t nodeid) { return nodeid != 0 && nodeid <= kNoLower; }
  // The lower entry behind a nodeid without a Node; ESTALE if there is none.
  Sys<LowerId> PureLower(uint64_t nodeid);
  Sys<DirectoryRef> DirectoryOf(uint64_t nodeid);  // ENOTDIR; ENOENT if it has been removed
  Sys<Found> FindName(const DirectoryRef& directory, std::string_view name);
  // The Node of a lower file with several names that has been copied up (work/links); null if it has not.
  Sys<NodePtr> LinkedNode(LowerId id);
  // A Node for what Look found at a name.
  Sys<Found> NodeFor(const DirectoryRef& directory, std::string_view name, UpperObject object);
  // What the kernel is told of a node, Node or not.
  Sys<struct stat> StatOf(uint64_t nodeid);
  // `host`: what the host has just said of it, so that it is not asked again.
  Sys<struct stat> StatNode(Node& node, const struct stat* host = nullptr);
  Sys<struct stat> StatFound(const Found& found);
  void CountLookup(const Found& found);
  Sys<SharedFd> DirectoryFd(Node& directory);  // in the upper
  // dirfd and name of a node in the upper, for UpperStore's functions. `hold` keeps the descriptor open.
  Sys<UpperSpot> SpotOf(Node& node, SharedFd* hold);
  Sys<SharedFd> FileFd(Node& node);  // a regular file in the upper, O_RDWR
  // Reads the object again after a change of its attributes.
  Sys<> Refresh(Node& node);
  // The lower has something at this name, which only a whiteout hides.
  bool NeedsWhiteout(const Node& directory, std::string_view name);

  // --- overlay_copy_up.cc ---
  // Makes sure that the node is in the upper, with its parents. Call it without the tree lock, holding
  // nothing. Returns its Node. `keep_bytes` false: a file is about to be truncated to nothing, and comes up
  // empty.
  Sys<NodePtr> CopyUp(uint64_t nodeid, bool keep_bytes = true);
  // The Node of a directory that is in the upper. With the tree lock held exclusively.
  Sys<NodePtr> CopyUpDirectory(uint64_t nodeid);
  NewObject LikeLower(LowerId id, const struct stat& st);
  Sys<> CheckWritable() const { return upper != nullptr ? Sys<>() : SysFail(EROFS); }

  // --- overlay_remove.cc. Exclusive tree lock ---
  // ENOTEMPTY unless the directory is empty in the merged tree; then it is empty on the host, too, if it is
  // there.
  Sys<> EmptyForRemoval(const Found& directory);
  // A name of the file goes away (by what the caller does next, or has done): what keeps its bytes.
  Sys<> KeepForOpen(Node& file, const Node& parent, std::string_view name);
  void AfterUnlink(const NodePtr& file);
  // `last`: its attributes before its name went; they are shown to who still has it open.
  void DeadDirectory(const Found& found, const struct stat& last);
};

}  // namespace wolffia
