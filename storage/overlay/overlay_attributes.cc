// Attributes of the merged tree: stat, chmod, chown, truncate, times; and the privileges that a change takes
// away. The kernel leaves those to us (FUSE_HANDLE_KILLPRIV_V2), so that writes need not ask for them first.
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "storage/overlay/metered_change.h"
#include "storage/overlay/overlay_data.h"

namespace wolffia {
namespace {

Sys<> CheckRegular(mode_t mode) {
  if (S_ISREG(mode)) return {};
  return SysFail(S_ISDIR(mode) ? EISDIR : EINVAL);
}

// The Node, if it is in the upper; nullptr for a regular file of the lower. Shared tree lock.
Sys<NodePtr> RegularInUpper(OverlayState& state, uint64_t nodeid) {
  NodePtr node = state.nodes.Find(nodeid);
  if (node != nullptr && node->in_upper) {
    TRY(CheckRegular(node->object.st.st_mode));
    return node;
  }
  if (node != nullptr && node->directory) return SysFail(EISDIR);
  LowerId id = node != nullptr ? node->lower : TRY(state.PureLower(nodeid));
  TRY(CheckRegular(state.lower->Type(id)));
  return nullptr;
}

// Opens it; true if there are privileges to be taken away first. Shared tree lock.
Sys<bool> OpenPrivileged(OverlayState& state, OpenNode* open, bool kill_privileges) {
  open->fd = TRY(state.FileFd(*open->node));
  const mode_t mode = open->node->object.st.st_mode;
  if (kill_privileges && WithoutSetId(mode) != mode) return true;
  return HasCapability(state, *open->node);
}

Sys<> DropPrivileges(OverlayState& state, Node& node, bool set_id) {
  std::unique_lock lock(state.tree_lock);
  TRY(DropCapability(state, node));
  const mode_t mode = node.object.st.st_mode;
  return set_id && WithoutSetId(mode) != mode ? ChangeMode(state, node, WithoutSetId(mode)) : Sys<>();
}

bool IsSet(const struct timespec& time) {
  return time.tv_nsec != UTIME_OMIT;
}

bool ChangesInode(const SetAttributesRequest& request) {
  return request.mode || request.uid || request.gid || IsSet(request.atime) || IsSet(request.mtime);
}

struct timespec TimeFor(const struct timespec& wanted, const struct timespec& now) {
  struct timespec time = wanted;
  if (wanted.tv_nsec == UTIME_OMIT) return now;
  if (wanted.tv_nsec == UTIME_NOW) clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

// Of a directory that was removed and is somebody's working directory nothing is left but its Node.
Sys<struct stat> ChangeDead(OverlayState& state, uint64_t nodeid, const SetAttributesRequest& request) {
  std::unique_lock lock(state.tree_lock);
  NodePtr node = state.nodes.Find(nodeid);
  if (node == nullptr || !node->directory || !node->orphan || node->in_upper) return SysFail(ENOENT);
  struct stat& st = node->directory->last;
  if (request.mode) st.st_mode = (st.st_mode & S_IFMT) | (*request.mode & 07777);
  if (request.uid) st.st_uid = *request.uid;
  if (request.gid) st.st_gid = *request.gid;
  st.st_atim = TimeFor(request.atime, st.st_atim);
  st.st_mtim = TimeFor(request.mtime, st.st_mtim);
  clock_gettime(CLOCK_REALTIME, &st.st_ctim);
  return state.StatNode(*node);
}

Sys<NodePtr> Truncate(OverlayState& state, uint64_t nodeid, uint64_t size, bool kill_privileges) {
  if (size > std::numeric_limits<off_t>::max()) return SysFail(EFBIG);
  OpenNode open = TRY(OpenForChange(state, nodeid, size != 0, kill_privileges));
  const int fd = open.fd->get();
  TRY(ShrinkMetered(state.quota, fd, [&]() -> Sys<> {
    while (ftruncate(fd, static_cast<off_t>(size)) != 0)
      if (errno != EINTR) return SysFail();
    return {};
  }));
  return std::move(open.node);
}

// Exclusive tree lock.
Sys<> ChangeInode(OverlayState& state, Node& node, const SetAttributesRequest& request) {
  const mode_t before = node.object.st.st_mode;
  AttributeChange change{.mode = request.mode,
                         .uid = request.uid,
                         .gid = request.gid,
                         .atime = request.atime,
                         .mtime = request.mtime};
  if (request.uid || request.gid) {
    if (!change.mode && !S_ISDIR(before) && !S_ISLNK(before) && WithoutSetId(before) != before)
      change.mode = WithoutSetId(before);
    if (S_ISREG(before)) TRY(DropCapability(state, node));
  }
  if (change.mode) *change.mode &= 07777;
  if (node.object.host_link) state.HoldInode(node);
  // The list first: it decides who may do what.
  if (request.mode) TRY(ChangeModeOfAcl(state, node, *change.mode));
  SharedFd hold;
  UpperSpot spot = TRY(state.SpotOf(node, &hold));
  TRY(state.upper->SetAttributes(spot, node.Object(), change));
  return state.Refresh(node);
}

}  // namespace

mode_t WithoutSetId(mode_t mode) {
  mode &= ~static_cast<mode_t>(S_ISUID);
  if ((mode & S_IXGRP) != 0) mode &= ~static_cast<mode_t>(S_ISGID);
  return mode;
}

Sys<> ChangeMode(OverlayState& state, Node& node, mode_t mode) {
  SharedFd hold;
  UpperSpot spot = TRY(state.SpotOf(node, &hold));
  AttributeChange change;
  change.mode = mode & 07777;
  TRY(state.upper->SetAttributes(spot, node.Object(), change));
  return state.Refresh(node);
}

Sys<OpenNode> OpenForChange(OverlayState& state, uint64_t nodeid, bool keep_bytes, bool kill_privileges) {
  TRY(state.CheckWritable());
  OpenNode open;
  bool privileged = false;
  {
    std::shared_lock lock(state.tree_lock);
    open.node = TRY(RegularInUpper(state, nodeid));
    if (open.node != nullptr) privileged = TRY(OpenPrivileged(state, &open, kill_privileges));
  }
  if (open.node == nullptr) {
    open.node = TRY(state.CopyUp(nodeid, keep_bytes));
    std::shared_lock lock(state.tree_lock);
    privileged = TRY(OpenPrivileged(state, &open, kill_privileges));
  }
  if (privileged) TRY(DropPrivileges(state, *open.node, kill_privileges));
  return open;
}

Sys<struct stat> OverlayTree::GetAttributes(uint64_t nodeid) {
  std::shared_lock lock(state_->tree_lock);
  return state_->StatOf(nodeid);
}

Sys<struct stat> OverlayTree::SetAttributes(uint64_t nodeid, const SetAttributesRequest& request) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  if (!request.size && !ChangesInode(request)) return GetAttributes(nodeid);
  auto ready = request.size ? Truncate(s, nodeid, *request.size, request.kill_privileges) : s.CopyUp(nodeid);
  if (!ready && ready.error() == ENOENT) return ChangeDead(s, nodeid, request);
  NodePtr node = TRY(std::move(ready));
  if (ChangesInode(request)) {
    std::unique_lock lock(s.tree_lock);
    TRY(ChangeInode(s, *node, request));
  }
  std::shared_lock lock(s.tree_lock);
  return s.StatNode(*node);
}

struct statvfs OverlayTree::StatFs() {
  OverlayState& s = *state_;
  struct statvfs st{};
  if (s.upper == nullptr || fstatvfs(s.upper->rootfd(), &st) != 0) {
    st = {};  // read-only: nothing is free, and nobody can use what would be
    st.f_bsize = st.f_frsize = 4096;
  }
  st.f_namemax = 255;
  s.quota.Limit(&st);
  return st;
}

}  // namespace wolffia
