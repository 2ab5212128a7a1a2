#include "storage/overlay/overlay_node.h"

#include <fcntl.h>
#include <sys/random.h>

#include <cstring>

namespace wolffia {

void LookupCounts::Add(LowerId id, uint64_t n) {
  std::lock_guard lock(lock_);
  size_t page = id / kPage;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (!pages_[page]) pages_[page] = std::make_unique<std::array<uint32_t, kPage>>();
  (*pages_[page])[id % kPage] += static_cast<uint32_t>(n);
}

bool LookupCounts::Subtract(LowerId id, uint64_t n) {
  std::lock_guard lock(lock_);
  size_t page = id / kPage;
  if (page >= pages_.size() || !pages_[page]) return true;
  uint32_t& count = (*pages_[page])[id % kPage];
  count -= static_cast<uint32_t>(std::min<uint64_t>(n, count));
  return count == 0;
}

bool LookupCounts::Any(LowerId id) const {
  std::lock_guard lock(lock_);
  size_t page = id / kPage;
  return page < pages_.size() && pages_[page] && (*pages_[page])[id % kPage] != 0;
}

KeptObject::KeptObject(UpperObject object)
    : st{object.st.st_mode, object.st.st_uid, object.st.st_gid, object.st.st_rdev},
      kind(object.kind),
      host_link(object.host_link),
      overridden(object.overridden),
      opaque(object.opaque),
      origin(object.origin) {
  if (!object.redirect.empty()) redirect = std::make_unique<std::string>(std::move(object.redirect));
}

UpperObject KeptObject::Full(uint64_t host_ino) const {
  UpperObject object;
  object.kind = kind;
  object.st.st_mode = st.st_mode;
  object.st.st_uid = st.st_uid;
  object.st.st_gid = st.st_gid;
  object.st.st_rdev = st.st_rdev;
  object.st.st_ino = host_ino;
  object.host_link = host_link;
  object.overridden = overridden;
  object.opaque = opaque;
  if (redirect) object.redirect = *redirect;
  object.origin = origin;
  return object;
}

NodePtr NodeTable::Find(uint64_t nodeid) const {
  std::lock_guard lock(lock_);
  auto at = nodes_.find(nodeid);
  return at == nodes_.end() ? nullptr : at->second;
}

NodePtr NodeTable::FindHost(uint64_t host_ino) const {
  std::lock_guard lock(lock_);
  auto at = by_host_.find(host_ino);
  return at == by_host_.end() ? nullptr : nodes_.at(at->second);
}

NodePtr NodeTable::Add(NodePtr node) {
  std::lock_guard lock(lock_);
  if (node->host_ino != 0) {
    // Two lookups of one file at the same time: the first one's Node is the Node.
    auto [at, added] = by_host_.try_emplace(node->host_ino, node->nodeid);
    if (!added) return nodes_.at(at->second);
  }
  auto [at, added] = nodes_.try_emplace(node->nodeid, node);
  // A directory that is forgotten and looked up again is not taken for what it was when its names were
  // listed.
  if (added && node->directory) node->directory->changes = (generation_ += uint64_t{1} << 32);
  if (!added && node->host_ino != 0) by_host_.erase(node->host_ino);
  if (added && node->parent) node->parent->children.fetch_add(1);
  return at->second;
}

void NodeTable::SetHostIno(const NodePtr& node, uint64_t host_ino) {
  std::lock_guard lock(lock_);
  if (node->host_ino != 0) by_host_.erase(node->host_ino);
  node->host_ino = host_ino;
  if (host_ino != 0) by_host_[host_ino] = node->nodeid;
}

void NodeTable::Remove(const NodePtr& node) {
  std::lock_guard lock(lock_);
  if (node->host_ino != 0) by_host_.erase(node->host_ino);
  nodes_.erase(node->nodeid);
}

OverlayState::OverlayState(std::unique_ptr<LowerSource> l, std::unique_ptr<UpperStore> u, OverlayOptions o)
    : lower(std::move(l)),
      upper(std::move(u)),
      options(o),
      quota(o.limits),
      directories(std::max<size_t>(o.descriptors / 2, 4)),
      files(std::max<size_t>(o.descriptors / 2, 4)) {}

Sys<> OverlayState::Start() {
  if (getrandom(hash_key, sizeof hash_key, 0) != sizeof hash_key) return SysFail(EIO);
  auto root = std::make_shared<Node>();
  root->nodeid = OverlayTree::kRoot;
  root->lower = kLowerRoot;
  root->directory = std::make_unique<DirectoryFacts>();
  struct stat lower_root = TRY(lower->Stat(kLowerRoot));
  root->shown_ino = lower_root.st_ino;
  if (upper != nullptr) {
    root->in_upper = true;
    Fd fd(fcntl(upper->rootfd(), F_DUPFD_CLOEXEC, 3));
    if (!fd) return SysFail();
    struct stat host;
    if (fstat(fd.get(), &host) < 0) return SysFail();
    root_fd = std::make_shared<const Fd>(std::move(fd));
    root->object = KeptObject(TRY(upper->LookAt(upper->rootfd())));
    root->host_ino = host.st_ino;
    if (root->object.opaque) root->lower = kNoLower;
    for (uint64_t origin : TRY(upper->ListLinked())) {
      std::string storage;
      UpperSpot spot = upper->LinkedSpot(origin, &storage);
      UpperObject object = TRY(upper->Look(spot.dirfd, spot.name));
      // The last name of it went away just before a crash.
      if (object.st.st_nlink == 1 && TRY(upper->PendingLinks(origin)) == 0)
        TRY(upper->Unlink(spot));
      else
        linked.insert(origin);
    }
    if (quota.counts_bytes())
      for (int directory : {upper->rootfd(), upper->workfd()}) AllocateExactly(directory);
    TRY(quota.CountTree(upper->rootfd(), upper->workfd()));
  }
  nodes.Add(root);
  // An upper that has never been served (its maker set the sticky bit, which no directory here has): the root
  // is as the lower's.
  if (upper != nullptr && upper->ids() == UpperIds::kOverride &&
      root->object.kind == UpperObject::Kind::kDirectory) {
    struct stat host;
    if (fstat(upper->rootfd(), &host) < 0) return SysFail();
    if ((host.st_mode & S_ISVTX) != 0) {
      AttributeChange change{.mode = lower_root.st_mode & 07777,
                             .uid = lower_root.st_uid,
                             .gid = lower_root.st_gid,
                             .atime = lower_root.st_atim,
                             .mtime = lower_root.st_mtim};
      TRY(upper->SetAttributes({upper->rootfd(), "."}, root->Object(), change));
      root->object = KeptObject(TRY(upper->LookAt(upper->rootfd())));
    }
  }
  return {};
}

void OverlayState::HoldInode(Node& node) {
  SharedFd hold;
  auto spot = SpotOf(node, &hold);
  if (!spot || node.held || held >= options.descriptors / 4) return;
  node.held = Fd(openat(spot->dirfd, spot->name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (node.held) ++held;
}

void OverlayState::DropUnused(NodePtr node) {
  while (node != nullptr && node->nodeid != OverlayTree::kRoot && node->children == 0) {
    bool known =
        IsLowerNodeid(node->nodeid) ? counts.Any(static_cast<LowerId>(node->nodeid - 1)) : node->lookups > 0;
    if (known) return;
    NodePtr parent = std::exchange(node->parent, nullptr);
    nodes.Remove(node);
    if (node->held) --held;
    directories.Drop(node->nodeid);
    files.Drop(node->nodeid);
    if (node->orphan && node->in_upper) {
      // Other names may have gone since it became an orphan: only the host knows.
      struct stat last;
      bool ends = quota.active() &&
                  fstatat(upper->workfd(), node->name.c_str(), &last, AT_SYMLINK_NOFOLLOW) == 0 &&
                  last.st_nlink == 1;
      if (upper->DropOrphan(node->name) && ends) {
        quota.Release(node->host_ino);
        quota.GiveInode();
      }
    }
    if (parent != nullptr) parent->children.fetch_sub(1);
    node = std::move(parent);
  }
}

Sys<NodePtr> OverlayState::NodeOf(uint64_t nodeid) {
  if (NodePtr node = nodes.Find(nodeid)) return node;
  LowerId id = TRY(PureLower(nodeid));
  struct stat own = TRY(lower->Stat(id));
  if (!S_ISDIR(own.st_mode) && own.st_nlink > 1) {
    // Its place will be in work/links. By which of its names the kernel knows it, nobody can tell, nor what
    // has become of the directories of the others.
    auto node = std::make_shared<Node>();
    node->lower = id;
    node->nodeid = nodeid;
    node->shown_ino = own.st_ino;
    return nodes.Add(std::move(node));
  }
  // From the entry up to the first directory that has a Node.
  std::vector<std::pair<LowerId, std::string>> missing;
  NodePtr parent;
  for (LowerId at = id;;) {
    LowerSource::Spot spot = lower->Locate(at);
    if (spot.directory == kNoLower || missing.size() > lower->IdLimit()) return SysFail(ESTALE);
    missing.emplace_back(at, std::move(spot.name));
    parent = nodes.Find(uint64_t{spot.directory} + 1);
    if (parent != nullptr) break;
    at = spot.directory;
  }
  for (; !missing.empty(); missing.pop_back()) {
    if (parent->orphan) return SysFail(ESTALE);
    auto node = std::make_shared<Node>();
    node->lower = missing.back().first;
    node->nodeid = uint64_t{node->lower} + 1;
    struct stat st = TRY(lower->Stat(node->lower));
    if (S_ISDIR(st.st_mode)) node->directory = std::make_unique<DirectoryFacts>();
    node->shown_ino = st.st_ino;
    node->parent = parent;
    node->name = std::move(missing.back().second);
    parent = nodes.Add(std::move(node));
  }
  return parent;
}

void OverlayState::SetPlace(Node& node, NodePtr parent, std::string name) {
  if (parent) parent->children.fetch_add(1);
  NodePtr before = std::exchange(node.parent, std::move(parent));
  if (before) before->children.fetch_sub(1);
  node.name = std::move(name);
}

void OverlayState::MakeNameless(Node& node, std::string orphan_name) {
  SetPlace(node, nullptr, std::move(orphan_name));
  node.orphan = true;
}

}  // namespace wolffia
