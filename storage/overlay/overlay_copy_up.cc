// Copy-up: what the lower has comes into the upper, complete in one step, and nobody sees a difference: the
// nodeid, the inode number, the times (of the parent directory too), the link count and the names of its
// other links stay.
#include <fcntl.h>

#include <cstring>

#include "storage/overlay/overlay_data.h"
#include "storage/overlay/overlay_node.h"

namespace wolffia {
namespace {

// Gives a directory of the upper its times back, which an entry that was copied up has changed.
class KeepTimes {
 public:
  KeepTimes(UpperStore& upper, int fd) : upper_(upper), fd_(fd) { known_ = fstat(fd, &st_) == 0; }
  ~KeepTimes() {
    if (!known_) return;
    UpperObject object;
    object.kind = UpperObject::Kind::kDirectory;
    object.st = st_;
    AttributeChange times;
    times.atime = st_.st_atim;
    times.mtime = st_.st_mtim;
    (void)upper_.SetAttributes({fd_, "."}, object, times);
  }

 private:
  UpperStore& upper_;
  int fd_;
  bool known_ = false;
  struct stat st_{};
};

struct CopySource {
  LowerId id = kNoLower;
  struct stat st{};
};

// What there is to copy; kNoLower if the node is in the upper already (its Node is in `node` then).
Sys<CopySource> SourceOf(OverlayState& state, uint64_t nodeid, NodePtr* node) {
  std::shared_lock lock(state.tree_lock);
  *node = state.nodes.Find(nodeid);
  CopySource source;
  if (*node != nullptr && (*node)->in_upper) return source;
  if (*node != nullptr && (*node)->directory && (*node)->orphan) return SysFail(ENOENT);
  LowerId id = *node != nullptr ? (*node)->lower : TRY(state.PureLower(nodeid));
  if (*node == nullptr) *node = TRY(state.LinkedNode(id));
  if (*node != nullptr && (*node)->in_upper) return source;
  source.id = id;
  source.st = TRY(state.lower->Stat(source.id));
  return source;
}

// Room for a copy in the quota: reserved before it is made, given back unless it is kept.
class CopyRoom {
 public:
  explicit CopyRoom(Quota& quota) : quota_(quota) {}
  ~CopyRoom() {
    if (!taken_) return;
    quota_.GiveBytes(bytes_);
    if (host_ino_ != 0) quota_.Release(host_ino_);
    quota_.GiveInode();
  }
  Sys<> Take(uint64_t bytes) {
    TRY(quota_.TakeInode());
    taken_ = true;
    bytes = (bytes + 4095) / 4096 * 4096;
    TRY(quota_.TakeBytes(bytes));
    bytes_ = bytes;
    return {};
  }
  // What it takes really.
  void Made(const Staged& staged, int workfd) {
    if (!quota_.counts_bytes()) return;
    auto bytes = HostBytes(workfd, staged.name().c_str());
    host_ino_ = staged.host_ino();
    const uint64_t reserved = std::exchange(bytes_, 0);
    quota_.Settle(host_ino_, bytes ? *bytes : reserved, reserved);
  }
  void Keep() { taken_ = false; }

 private:
  Quota& quota_;
  bool taken_ = false;
  uint64_t bytes_ = 0, host_ino_ = 0;
};

Sys<Staged> StageCopy(OverlayState& state, const CopySource& source, bool keep_bytes) {
  NewObject object = state.LikeLower(source.id, source.st);
  if (S_ISLNK(source.st.st_mode)) object.target = TRY(state.lower->ReadLink(source.id));
  Staged staged = TRY(state.upper->Stage(object));
  if (!S_ISREG(source.st.st_mode)) return staged;
  if (keep_bytes && source.st.st_size > 0) {
    TRY(state.lower->CopyTo(source.id, staged.fd()));
    // Nobody has written these bytes, so nobody will sync them: a loss of power may not leave an empty file.
    TRY(state.upper->SyncFile(staged.fd(), true));
  }
  UpperObject copied = TRY(state.upper->LookAt(staged.fd()));
  const UpperSpot spot{state.upper->workfd(), staged.name().c_str()};
  // Where it is the host's own attribute, the host has dropped it with the first byte that was written.
  if (state.upper->ids() == UpperIds::kNative)
    for (const auto& [name, value] : object.xattrs)
      if (name == kCapabilityXattr) TRY(state.upper->SetXattr(spot, copied, name, value, 0));
  AttributeChange times;
  times.atime = source.st.st_atim;
  times.mtime = keep_bytes ? source.st.st_mtim : timespec{0, UTIME_NOW};
  TRY(state.upper->SetAttributes(spot, copied, times));
  return staged;
}

// Under the exclusive tree lock: the copy becomes the node's.
Sys<NodePtr> PlaceCopy(OverlayState& state, uint64_t nodeid, const CopySource& source, Staged staged) {
  NodePtr node = TRY(state.NodeOf(nodeid));
  uint64_t host_ino = staged.host_ino();
  Fd fd = S_ISREG(source.st.st_mode) ? staged.TakeFd() : Fd();
  if (node->orphan) {  // it has lost its name, and somebody has it open
    std::string name = "o.c" + std::to_string(state.orphans.fetch_add(1));
    TRY(state.upper->Place(std::move(staged), {state.upper->workfd(), name.c_str()}));
    node->name = std::move(name);
  } else if (source.st.st_nlink > 1) {
    TRY(state.upper->PlaceLinked(std::move(staged), source.st.st_ino,
                                 static_cast<uint32_t>(source.st.st_nlink)));
    state.linked.insert(source.st.st_ino);
    std::string name;
    (void)state.upper->LinkedSpot(source.st.st_ino, &name);
    state.SetPlace(*node, nullptr, std::move(name));
    node->linked_origin = source.st.st_ino;
  } else {
    NodePtr parent = TRY(state.CopyUpDirectory(node->parent->nodeid));
    SharedFd directory = TRY(state.DirectoryFd(*parent));
    UpperSpot spot{directory->get(), node->name.c_str()};
    // A nodeid that the kernel has let go of: what is here is newer than the lower.
    if (TRY(state.upper->Look(spot.dirfd, spot.name)).kind != UpperObject::Kind::kAbsent)
      return SysFail(ESTALE);
    KeepTimes keep(*state.upper, directory->get());
    TRY(state.upper->Place(std::move(staged), spot));
    parent->directory->changes.fetch_add(1);
  }
  KnowXattrs(*node, state.LikeLower(source.id, source.st));
  node->in_upper = true;
  node->lower = kNoLower;
  node->shown_ino = source.st.st_ino;
  state.nodes.SetHostIno(node, host_ino);
  TRY(state.Refresh(*node));
  if (fd) state.files.Put(nodeid, std::move(fd));
  return node;
}

}  // namespace

NewObject OverlayState::LikeLower(LowerId id, const struct stat& st) {
  NewObject object;
  object.ownership = {st.st_mode, st.st_uid, st.st_gid, st.st_rdev};
  object.has_times = true;
  object.atime = st.st_atim;
  object.mtime = st.st_mtim;
  object.origin = st.st_ino;
  if (lower->shows_xattrs())
    for (std::string& name : lower->XattrNames(id))
      if (auto value = lower->Xattr(id, name)) object.xattrs.emplace_back(std::move(name), *std::move(value));
  return object;
}

Sys<NodePtr> OverlayState::CopyUpDirectory(uint64_t nodeid) {
  TRY(CheckWritable());
  NodePtr wanted = TRY(NodeOf(nodeid));
  if (!wanted->directory) return SysFail(ENOTDIR);
  std::vector<NodePtr> missing;
  for (NodePtr at = wanted; !at->in_upper; at = at->parent) {
    if (at->orphan) return SysFail(ENOENT);
    missing.push_back(at);
  }
  for (; !missing.empty(); missing.pop_back()) {
    Node& node = *missing.back();
    SharedFd parent = TRY(DirectoryFd(*node.parent));
    UpperSpot spot{parent->get(), node.name.c_str()};
    // The kernel holds a directory that it knows by its present name, so nothing else can be here.
    if (TRY(upper->Look(spot.dirfd, spot.name)).kind != UpperObject::Kind::kAbsent) return SysFail(ESTALE);
    struct stat st = TRY(lower->Stat(node.lower));
    if (quota.active()) TRY(quota.TakeInode());
    NewObject object = LikeLower(node.lower, st);
    Staged staged = TRY(upper->Stage(object));
    uint64_t host_ino = staged.host_ino();
    KeepTimes keep(*upper, parent->get());
    TRY(upper->Place(std::move(staged), spot));
    node.parent->directory->changes.fetch_add(1);
    node.directory->subdirectories = static_cast<int64_t>(st.st_nlink) - 2;
    node.in_upper = true;
    nodes.SetHostIno(missing.back(), host_ino);
    KnowXattrs(node, object);
    TRY(Refresh(node));
  }
  return wanted;
}

Sys<NodePtr> OverlayState::CopyUp(uint64_t nodeid, bool keep_bytes) {
  TRY(CheckWritable());
  std::lock_guard one(copy_locks[nodeid % copy_locks.size()]);
  NodePtr node;
  CopySource source = TRY(SourceOf(*this, nodeid, &node));
  if (source.id == kNoLower) return node;
  if (S_ISDIR(source.st.st_mode)) {
    std::unique_lock lock(tree_lock);
    return CopyUpDirectory(nodeid);
  }
  CopyRoom room(quota);
  TRY(room.Take(keep_bytes && S_ISREG(source.st.st_mode) ? static_cast<uint64_t>(source.st.st_blocks) * 512
                                                         : 0));
  Staged staged = TRY(StageCopy(*this, source, keep_bytes));
  room.Made(staged, upper->workfd());
  std::unique_lock lock(tree_lock);
  auto placed = PlaceCopy(*this, nodeid, source, std::move(staged));
  if (placed) room.Keep();
  return placed;
}

}  // namespace wolffia
