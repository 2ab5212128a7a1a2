// rename(2) on the merged tree. Whatever has to be copied up or marked first changes nothing that can be
// seen; then one Move or Exchange of the upper is the rename.
//
//   what moves                     before it moves                          the old name
//   ----------                     ---------------                          ------------
//   file of the lower              is copied up                             whiteout
//   one of its several names       is made in the upper (LinkPending)       whiteout
//   directory of the lower, merged comes up without its entries, with       whiteout
//                                  a redirect to what shines through
//   file made in the upper         -                                        whiteout if the lower has that
//   name, else gone directory made in the upper    opaque, where the lower has a directory  the same
//                                  at the new name
//
//   what is replaced               before
//   ----------------               ------
//   nothing, or a whiteout         -
//   file of the lower              - (comes up if it has other names: their number is kept)
//   file in the upper              gets a name in work/, if nobody else keeps its bytes
//   empty directory                opaque, and without its whiteouts
#include <linux/fs.h>

#include <cstring>

#include "storage/overlay/overlay_node.h"

namespace wolffia {
namespace {

struct Side {
  Side(uint64_t parent_nodeid, std::string_view entry) : parent_id(parent_nodeid), name(entry) {}
  uint64_t parent_id;
  std::string name;
  NodePtr parent;
  SharedFd directory;
  Found found;
  struct stat st{};
  UpperSpot spot() const { return {directory->get(), name.c_str()}; }
  bool is_directory() const { return found.exists() && S_ISDIR(st.st_mode); }
};

Sys<> Find(OverlayState& state, Side& side) {
  DirectoryRef ref = TRY(state.DirectoryOf(side.parent_id));
  side.found = TRY(state.FindName(ref, side.name));
  if (side.found.exists()) side.st = TRY(state.StatFound(side.found));
  return {};
}

bool SameInode(const Found& a, const Found& b) {
  return a.exists() && b.exists() && a.nodeid() == b.nodeid();
}

// The nodeid of a file that has to come up before the locks are taken; 0: none. `always`: even if it has one
// name only.
uint64_t ToCopyUp(const Side& side, bool always) {
  if (!side.found.exists() || side.is_directory()) return 0;
  bool in_upper = side.found.node != nullptr && side.found.node->in_upper;
  return !in_upper && (always || side.st.st_nlink > 1) ? side.found.nodeid() : 0;
}

bool MergesLower(const Found& found) {
  return (found.node != nullptr ? found.node->lower : found.lower) != kNoLower;
}

Sys<> CheckTypes(OverlayState& state, const Side& from, const Side& to, unsigned flags) {
  if ((flags & RENAME_NOREPLACE) != 0 && to.found.exists()) return SysFail(EEXIST);
  // Into itself? Only a directory that has a Node can have one below it.
  auto inside = [](const Side& moved, const NodePtr& place) {
    for (Node* at = place.get(); at != nullptr; at = at->parent.get())
      if (moved.found.exists() && at->nodeid == moved.found.nodeid()) return true;
    return false;
  };
  if (from.is_directory() && inside(from, to.parent)) return SysFail(EINVAL);
  auto stays = [&](const Side& side) {
    return !state.options.redirects && side.is_directory() && MergesLower(side.found);
  };
  if (stays(from) || ((flags & RENAME_EXCHANGE) != 0 && stays(to))) return SysFail(EXDEV);
  if ((flags & RENAME_EXCHANGE) != 0) {
    if (!to.found.exists()) return SysFail(ENOENT);
    return to.is_directory() && inside(to, from.parent) ? SysFail(EINVAL) : Sys<>();
  }
  if (to.is_directory() && inside(to, from.parent)) return SysFail(ENOTEMPTY);
  if (!to.found.exists()) return {};
  if (from.is_directory() && !to.is_directory()) return SysFail(ENOTDIR);
  if (!from.is_directory() && to.is_directory()) return SysFail(EISDIR);
  if (to.is_directory()) return state.EmptyForRemoval(to.found);
  return {};
}

// `moved` is in the upper under its name afterwards, and shows the same wherever it is put.
Sys<> MakeMovable(OverlayState& state, Side& moved, const Side& target) {
  if (!moved.is_directory()) {
    uint64_t origin = moved.found.node->linked_origin;
    if (origin != 0 &&
        TRY(state.upper->Look(moved.spot().dirfd, moved.spot().name)).kind == UpperObject::Kind::kAbsent)
      TRY(state.upper->LinkPending(origin, moved.spot()));
    return {};
  }
  moved.found.node = TRY(state.CopyUpDirectory(moved.found.nodeid()));
  Node& node = *moved.found.node;
  if (node.lower != kNoLower) {
    std::string path = state.lower->PathOf(node.lower);
    if (node.object.redirect && *node.object.redirect == path) return {};
    TRY(state.upper->SetRedirect(moved.spot(), path));
    node.object.redirect = std::make_unique<std::string>(std::move(path));
  } else if (!node.object.opaque) {
    LowerId below = target.parent->lower;
    if (below != kNoLower) below = state.lower->Lookup(below, target.name);
    if (below == kNoLower || !S_ISDIR(state.lower->Type(below))) return {};
    TRY(state.upper->SetOpaque(moved.spot()));
    node.object.opaque = true;
  }
  return {};
}

// Its Node is found by the new name from now on, unless it is found by another one.
void MoveNode(OverlayState& state, const Side& moved, const Side& target) {
  Node& node = *moved.found.node;
  if (node.linked_origin != 0 || node.orphan || node.parent != moved.parent || node.name != moved.name)
    return;
  state.SetPlace(node, target.parent, target.name);
}

void CountDirectories(const Side& side, int change) {
  if (side.parent->directory->subdirectories >= 0) side.parent->directory->subdirectories += change;
}

Sys<> ExchangeNames(OverlayState& state, Side& a, Side& b) {
  TRY(MakeMovable(state, a, b));
  TRY(MakeMovable(state, b, a));
  TRY(state.upper->Exchange(a.spot(), b.spot()));
  bool same_place = a.found.node->parent == b.found.node->parent && a.found.node->name == b.found.node->name;
  if (!same_place) {
    MoveNode(state, a, b);
    MoveNode(state, b, a);
  }
  if (a.is_directory() != b.is_directory()) {
    CountDirectories(a, b.is_directory() ? 1 : -1);
    CountDirectories(b, a.is_directory() ? 1 : -1);
  }
  return {};
}

// What becomes of the replaced one, once its name is the other's.
Sys<> AfterReplaced(OverlayState& state, const Side& to) {
  if (!to.found.exists()) return {};
  if (to.is_directory()) {
    CountDirectories(to, -1);
    if (state.quota.active() && to.found.node != nullptr && to.found.node->in_upper) state.quota.GiveInode();
    Found gone = to.found;
    if (gone.node == nullptr && state.counts.Any(gone.lower)) gone.node = TRY(state.NodeOf(gone.nodeid()));
    state.DeadDirectory(gone, to.st);
    if (gone.node != nullptr) state.DropUnused(gone.node);
    return {};
  }
  NodePtr node = to.found.node;
  if (node == nullptr) {
    if (!state.counts.Any(to.found.lower)) return {};
    node = TRY(state.NodeOf(to.found.nodeid()));
  }
  if (!node->in_upper) {
    ++node->lost_links;
    state.MakeNameless(*node, "");
  } else {
    state.AfterUnlink(node);
  }
  state.DropUnused(node);
  return {};
}

Sys<> MoveName(OverlayState& state, Side& from, Side& to) {
  TRY(MakeMovable(state, from, to));
  bool replaces_upper_file = to.found.node != nullptr && !to.is_directory() && to.found.node->in_upper;
  if (replaces_upper_file) {
    uint64_t origin = to.found.node->linked_origin;
    if (origin != 0 &&
        TRY(state.upper->Look(to.spot().dirfd, to.spot().name)).kind == UpperObject::Kind::kAbsent)
      TRY(state.upper->LinkPending(origin, to.spot()));
    TRY(state.KeepForOpen(*to.found.node, *to.parent, to.name));
  }
  if (to.is_directory() && to.found.node != nullptr && to.found.node->in_upper)
    state.HoldInode(*to.found.node);
  auto moved = state.upper->Move(from.spot(), to.spot(), state.NeedsWhiteout(*from.parent, from.name));
  if (!moved) {
    if (replaces_upper_file && to.found.node->orphan) to.found.node->spare_name = true;
    return moved;
  }
  TRY(AfterReplaced(state, to));
  MoveNode(state, from, to);
  if (from.is_directory()) {
    CountDirectories(from, -1);
    CountDirectories(to, 1);
  }
  return {};
}

}  // namespace

Sys<> OverlayTree::Rename(uint64_t parent, std::string_view name, uint64_t new_parent,
                          std::string_view new_name, unsigned flags) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  // A visible whiteout (RENAME_WHITEOUT) cannot be told from one of ours.
  constexpr unsigned kKnown = RENAME_NOREPLACE | RENAME_EXCHANGE;
  if ((flags & ~kKnown) != 0 || flags == kKnown) return SysFail(EINVAL);
  if ((flags & RENAME_EXCHANGE) != 0 && !s.upper->capabilities().rename_exchange) return SysFail(EINVAL);
  for (;;) {
    uint64_t copy_up = 0;
    {
      std::unique_lock lock(s.tree_lock);
      Side from(parent, name), to(new_parent, new_name);
      TRY(Find(s, from));
      TRY(Find(s, to));
      if (!from.found.exists()) return SysFail(ENOENT);
      if (SameInode(from.found, to.found)) {
        if ((flags & RENAME_NOREPLACE) != 0) return SysFail(EEXIST);
        return {};  // two names of one file: nothing happens (rename(2))
      }
      copy_up = ToCopyUp(from, true);
      if (copy_up == 0) copy_up = ToCopyUp(to, (flags & RENAME_EXCHANGE) != 0);
      if (copy_up == 0) {
        from.parent = TRY(s.CopyUpDirectory(parent));
        to.parent = TRY(s.CopyUpDirectory(new_parent));
        from.directory = TRY(s.DirectoryFd(*from.parent));
        to.directory = TRY(s.DirectoryFd(*to.parent));
        TRY(CheckTypes(s, from, to, flags));
        from.parent->directory->changes.fetch_add(1);
        to.parent->directory->changes.fetch_add(1);
        return (flags & RENAME_EXCHANGE) != 0 ? ExchangeNames(s, from, to) : MoveName(s, from, to);
      }
    }
    TRY(s.CopyUp(copy_up));
  }
}

}  // namespace wolffia
