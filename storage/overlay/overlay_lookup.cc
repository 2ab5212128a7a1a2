// Looking: names to nodes, nodes to attributes and descriptors. Changes nothing on the disk.
#include <dirent.h>
#include <fcntl.h>

#include <cstring>

#include "storage/overlay/overlay_node.h"

namespace wolffia {

Sys<LowerId> OverlayState::PureLower(uint64_t nodeid) {
  if (!IsLowerNodeid(nodeid) || nodeid > lower->IdLimit()) return SysFail(ESTALE);
  auto id = static_cast<LowerId>(nodeid - 1);
  if (lower->Type(id) == 0) return SysFail(ESTALE);
  return id;
}

Sys<DirectoryRef> OverlayState::DirectoryOf(uint64_t nodeid) {
  if (NodePtr node = nodes.Find(nodeid)) {
    if (!node->directory) return SysFail(ENOTDIR);
    if (node->orphan) return SysFail(ENOENT);
    LowerId below = node->lower;
    return DirectoryRef{std::move(node), below};
  }
  LowerId id = TRY(PureLower(nodeid));
  if (!S_ISDIR(lower->Type(id))) return SysFail(ENOTDIR);
  return DirectoryRef{nullptr, id};
}

Sys<Found> OverlayState::FindName(const DirectoryRef& directory, std::string_view name) {
  if (!ValidName(name)) return SysFail(name.size() > 255 ? ENAMETOOLONG : EINVAL);
  if (directory.node != nullptr && directory.node->in_upper) {
    SharedFd fd = TRY(DirectoryFd(*directory.node));
    const std::string text(name);
    UpperStore::Seen seen{.absent = true};
    if (fstatat(fd->get(), text.c_str(), &seen.st, AT_SYMLINK_NOFOLLOW) == 0)
      seen.absent = false;
    else if (errno != ENOENT)
      return SysFail();
    if (NodePtr known = seen.absent ? nullptr : nodes.FindHost(seen.st.st_ino);
        known != nullptr && known->linked_origin == 0 && known->parent == directory.node &&
        known->name == name)
      return Found{std::move(known), kNoLower, seen.st};
    UpperObject object = TRY(upper->Look(fd->get(), text.c_str(), &seen));
    if (object.kind == UpperObject::Kind::kWhiteout) return Found{};
    if (object.kind != UpperObject::Kind::kAbsent) return NodeFor(directory, name, std::move(object));
  }
  if (directory.lower == kNoLower) return Found{};
  LowerId below = lower->Lookup(directory.lower, name);
  if (below == kNoLower) return Found{};
  if (NodePtr node = nodes.Find(uint64_t{below} + 1)) {
    if (!node->orphan || node->linked_origin != 0) return Found{node, kNoLower};
    return SysFail(ESTALE);
  }
  NodePtr node = TRY(LinkedNode(below));
  return node != nullptr ? Found{std::move(node), kNoLower} : Found{nullptr, below};
}

Sys<NodePtr> OverlayState::LinkedNode(LowerId id) {
  if (linked.empty() || S_ISDIR(lower->Type(id))) return NodePtr();
  struct stat st = TRY(lower->Stat(id));
  if (st.st_nlink <= 1 || !linked.contains(st.st_ino)) return NodePtr();
  auto node = std::make_shared<Node>();
  UpperSpot spot = upper->LinkedSpot(st.st_ino, &node->name);
  UpperObject object = TRY(upper->Look(spot.dirfd, spot.name));
  node->linked_origin = st.st_ino;
  node->nodeid = uint64_t{id} + 1;
  node->in_upper = true;
  node->host_ino = object.st.st_ino;
  node->object = KeptObject(std::move(object));
  node->shown_ino = st.st_ino;
  return nodes.Add(std::move(node));
}

Sys<Found> OverlayState::NodeFor(const DirectoryRef& directory, std::string_view name, UpperObject object) {
  auto known = nodes.FindHost(object.st.st_ino);
  if (known != nullptr) return Found{std::move(known), kNoLower};
  auto node = std::make_shared<Node>();
  node->in_upper = true;
  node->host_ino = object.st.st_ino;
  node->parent = directory.node;
  node->name = name;
  node->shown_ino = object.origin != 0 ? object.origin : lower->UpperIno(upper->device(), object.st.st_ino);
  if (object.kind == UpperObject::Kind::kDirectory) {
    node->directory = std::make_unique<DirectoryFacts>();
    LowerId below = kNoLower;
    if (object.opaque) {
    } else if (!object.redirect.empty()) {
      below = lower->Resolve(object.redirect);
    } else if (directory.lower != kNoLower) {
      below = lower->Lookup(directory.lower, name);
    }
    if (below != kNoLower && S_ISDIR(lower->Type(below))) {
      node->lower = below;
      node->shown_ino = TRY(lower->Stat(below)).st_ino;
    }
  } else if (object.origin != 0 && linked.contains(object.origin)) {
    // One of the names of a lower file with several: they share a Node, whose place is in work/links.
    UpperSpot spot = upper->LinkedSpot(object.origin, &node->name);
    UpperObject link = TRY(upper->Look(spot.dirfd, spot.name));
    if (link.st.st_ino == object.st.st_ino) {
      node->linked_origin = object.origin;
      node->parent = nullptr;
    } else {
      node->name = name;
    }
  }
  node->object = KeptObject(std::move(object));
  // A directory keeps the number of what shines through it. (Not if an upper that was not made here shows one
  // lower directory twice.)
  bool own_number = node->lower != kNoLower && nodes.Find(uint64_t{node->lower} + 1) == nullptr;
  node->nodeid = own_number ? uint64_t{node->lower} + 1 : nodes.NewNodeid();
  uint64_t host_ino = node->host_ino;
  NodePtr added = nodes.Add(std::move(node));
  if (added->host_ino != host_ino) return SysFail(ESTALE);  // two lower names at once, of such an upper
  return Found{std::move(added), kNoLower};
}

Sys<SharedFd> OverlayState::DirectoryFd(Node& directory) {
  if (directory.nodeid == OverlayTree::kRoot) return root_fd;
  if (SharedFd fd = directories.Get(directory.nodeid)) return fd;
  // Up to the first one that is open, and down again.
  std::vector<Node*> closed;
  SharedFd fd;
  for (Node* at = &directory; fd == nullptr; at = at->parent.get()) {
    closed.push_back(at);
    if (at->orphan || at->parent == nullptr || !at->in_upper) return SysFail(ENOENT);
    fd = at->parent->nodeid == OverlayTree::kRoot ? root_fd : directories.Get(at->parent->nodeid);
  }
  for (; !closed.empty(); closed.pop_back()) {
    Fd opened = TRY(upper->OpenDirectory(fd->get(), closed.back()->name.c_str()));
    fd = directories.Put(closed.back()->nodeid, std::move(opened));
  }
  return fd;
}

Sys<UpperSpot> OverlayState::SpotOf(Node& node, SharedFd* hold) {
  if (!node.in_upper) return SysFail(ENOENT);
  if (node.nodeid == OverlayTree::kRoot) return UpperSpot{upper->rootfd(), "."};
  if (node.orphan) return UpperSpot{upper->workfd(), node.name.c_str()};
  if (node.linked_origin != 0) {
    std::string storage;  // the same text as the node's name, which lives longer
    return UpperSpot{upper->LinkedSpot(node.linked_origin, &storage).dirfd, node.name.c_str()};
  }
  *hold = TRY(DirectoryFd(*node.parent));
  return UpperSpot{(*hold)->get(), node.name.c_str()};
}

Sys<SharedFd> OverlayState::FileFd(Node& node) {
  if (SharedFd fd = files.Get(node.nodeid)) return fd;
  SharedFd hold;
  UpperSpot spot = TRY(SpotOf(node, &hold));
  return files.Put(node.nodeid, TRY(upper->OpenFile(spot.dirfd, spot.name)));
}

Sys<> OverlayState::Refresh(Node& node) {
  SharedFd hold;
  UpperSpot spot = TRY(SpotOf(node, &hold));
  UpperObject object = node.nodeid == OverlayTree::kRoot ? TRY(upper->LookAt(upper->rootfd()))
                                                         : TRY(upper->Look(spot.dirfd, spot.name));
  if (object.kind == UpperObject::Kind::kAbsent) return SysFail(ENOENT);
  uint64_t host_ino = object.st.st_ino;
  node.object = KeptObject(std::move(object));
  // A symlink that has got an override is another inode on the host.
  if (host_ino != node.host_ino)
    if (NodePtr self = nodes.Find(node.nodeid)) nodes.SetHostIno(self, host_ino);
  return {};
}

bool OverlayState::NeedsWhiteout(const Node& directory, std::string_view name) {
  return directory.lower != kNoLower && lower->Lookup(directory.lower, name) != kNoLower;
}

namespace {

// Subdirectories of the merge of an upper directory with what shines through it.
Sys<int64_t> CountSubdirectories(OverlayState& state, Node& node) {
  int64_t count = 0;
  if (node.lower != kNoLower) count = static_cast<int64_t>(TRY(state.lower->Stat(node.lower)).st_nlink) - 2;
  SharedFd fd = TRY(state.DirectoryFd(node));
  for (const UpperStore::Name& entry : TRY(state.upper->List(fd->get()))) {
    LowerId below = node.lower != kNoLower ? state.lower->Lookup(node.lower, entry.name) : kNoLower;
    bool below_is_directory = below != kNoLower && S_ISDIR(state.lower->Type(below));
    bool is_directory = entry.type == DT_DIR;
    if (entry.type == DT_UNKNOWN)
      is_directory =
          TRY(state.upper->Look(fd->get(), entry.name.c_str())).kind == UpperObject::Kind::kDirectory;
    count += (is_directory ? 1 : 0) - (below_is_directory ? 1 : 0);
  }
  return std::max<int64_t>(count, 0);
}

}  // namespace

Sys<struct stat> OverlayState::StatNode(Node& node, const struct stat* host) {
  if (!node.in_upper) {
    struct stat st = node.directory && node.orphan ? node.directory->last : TRY(lower->Stat(node.lower));
    st.st_ino = node.shown_ino;
    if (node.directory && node.orphan)
      st.st_nlink = 0;
    else
      st.st_nlink -= std::min<nlink_t>(st.st_nlink, node.lost_links);
    return st;
  }
  struct stat st;
  if (host != nullptr) {
    st = *host;
  } else {
    SharedFd hold;
    UpperSpot spot = TRY(SpotOf(node, &hold));
    if (fstatat(spot.dirfd, spot.name, &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  }
  const auto& shown = node.object.st;
  st.st_mode = shown.st_mode;
  st.st_uid = shown.st_uid;
  st.st_gid = shown.st_gid;
  st.st_rdev = shown.st_rdev;
  st.st_ino = node.shown_ino;
  if (node.directory && options.static_nlink) {
    st.st_nlink = 1;
  } else if (node.directory) {
    if (node.directory->subdirectories < 0)
      node.directory->subdirectories = TRY(CountSubdirectories(*this, node));
    st.st_nlink = static_cast<nlink_t>(2 + node.directory->subdirectories);
  } else if (node.linked_origin != 0) {
    st.st_nlink = st.st_nlink - 1 + TRY(upper->PendingLinks(node.linked_origin));
  } else if (node.orphan) {
    st.st_nlink -= 1;
  }
  return st;
}

Sys<struct stat> OverlayState::StatOf(uint64_t nodeid) {
  if (NodePtr node = nodes.Find(nodeid)) return StatNode(*node);
  return lower->Stat(TRY(PureLower(nodeid)));
}

Sys<struct stat> OverlayState::StatFound(const Found& found) {
  if (found.node == nullptr) return lower->Stat(found.lower);
  return StatNode(*found.node, found.host ? &*found.host : nullptr);
}

void OverlayState::CountLookup(const Found& found) {
  uint64_t nodeid = found.nodeid();
  if (IsLowerNodeid(nodeid))
    counts.Add(static_cast<LowerId>(nodeid - 1), 1);
  else
    found.node->lookups.fetch_add(1);
}

Sys<Entry> OverlayTree::Lookup(uint64_t parent, std::string_view name) {
  OverlayState& s = *state_;
  std::shared_lock lock(s.tree_lock);
  DirectoryRef directory = TRY(s.DirectoryOf(parent));
  Found found = TRY(s.FindName(directory, name));
  if (!found.exists()) return SysFail(ENOENT);
  struct stat st = TRY(s.StatFound(found));
  s.CountLookup(found);
  return Entry{found.nodeid(), st};
}

void OverlayTree::Forget(uint64_t nodeid, uint64_t lookups) {
  OverlayState& s = *state_;
  if (nodeid == kRoot) return;
  NodePtr node = s.nodes.Find(nodeid);
  if (OverlayState::IsLowerNodeid(nodeid)) {
    bool zero = s.counts.Subtract(static_cast<LowerId>(nodeid - 1), lookups);
    if (!zero || node == nullptr) return;
  } else {
    if (node == nullptr) return;
    uint64_t had = node->lookups.load();
    while (!node->lookups.compare_exchange_weak(had, had - std::min(had, lookups))) {
    }
    if (had > lookups) return;
  }
  std::unique_lock lock(s.tree_lock);
  s.DropUnused(std::move(node));
}

Sys<std::string> OverlayTree::ReadLink(uint64_t nodeid) {
  OverlayState& s = *state_;
  std::shared_lock lock(s.tree_lock);
  NodePtr node = s.nodes.Find(nodeid);
  if (node == nullptr || !node->in_upper) {
    LowerId id = node != nullptr ? node->lower : TRY(s.PureLower(nodeid));
    if (!S_ISLNK(s.lower->Type(id))) return SysFail(EINVAL);
    return s.lower->ReadLink(id);
  }
  if (!S_ISLNK(node->object.st.st_mode)) return SysFail(EINVAL);
  SharedFd hold;
  UpperSpot spot = TRY(s.SpotOf(*node, &hold));
  return s.upper->ReadLink(spot.dirfd, spot.name, node->Object());
}

Sys<std::unique_ptr<OverlayTree>> OverlayTree::Make(std::unique_ptr<LowerSource> lower,
                                                    std::unique_ptr<UpperStore> upper,
                                                    OverlayOptions options) {
  auto state = std::make_unique<OverlayState>(std::move(lower), std::move(upper), options);
  TRY(state->Start());
  return std::unique_ptr<OverlayTree>(new OverlayTree(std::move(state)));
}

OverlayTree::OverlayTree(std::unique_ptr<OverlayState> state) : state_(std::move(state)) {}
OverlayTree::~OverlayTree() = default;

bool OverlayTree::writable() const {
  return state_->upper != nullptr;
}
const OverlayOptions& OverlayTree::options() const {
  return state_->options;
}
bool OverlayTree::shows_xattrs() const {
  return state_->options.xattrs && (state_->upper != nullptr || state_->lower->shows_xattrs());
}

}  // namespace wolffia
