// Names go: unlink and rmdir. The bytes of a file that the kernel still knows stay until it forgets it (it
// may be open: nobody tells the server), as work/o.N.
#include <dirent.h>

#include <cstring>
#include <unordered_set>

#include "storage/overlay/overlay_node.h"

namespace wolffia {

Sys<> OverlayState::EmptyForRemoval(const Found& directory) {
  Node* node = directory.node.get();
  LowerId below = node != nullptr ? node->lower : directory.lower;
  std::unordered_set<std::string> hidden;
  SharedFd fd;
  if (node != nullptr && node->in_upper) {
    fd = TRY(DirectoryFd(*node));
    for (UpperStore::Name& entry : TRY(upper->List(fd->get()))) {
      if (entry.type == DT_DIR) return SysFail(ENOTEMPTY);
      if (TRY(upper->Look(fd->get(), entry.name.c_str())).kind != UpperObject::Kind::kWhiteout)
        return SysFail(ENOTEMPTY);
      hidden.insert(std::move(entry.name));
    }
  }
  LowerEntry entry;
  if (below != kNoLower)
    for (uint64_t at = 0; lower->EntryAt(below, at, &entry); at = entry.position + 1)
      if (!hidden.contains(std::string(entry.name))) return SysFail(ENOTEMPTY);
  if (hidden.empty()) return {};
  // First what makes the whiteouts say nothing.
  if (below != kNoLower) {
    SharedFd hold;
    TRY(upper->SetOpaque(TRY(SpotOf(*node, &hold))));
    node->object.opaque = true;
    node->lower = kNoLower;
  }
  return upper->ClearWhiteouts(fd->get());
}

// Where the name that goes is the one by which we find the file, it gets another one in work/.
Sys<> OverlayState::KeepForOpen(Node& file, const Node& parent, std::string_view name) {
  if (file.linked_origin != 0 || file.orphan || file.parent.get() != &parent || file.name != name) return {};
  SharedFd hold;
  UpperSpot from = TRY(SpotOf(file, &hold));
  UpperObject now = TRY(upper->Look(from.dirfd, from.name));
  if (file.object.host_link) HoldInode(file);
  std::string spare = "o.k" + std::to_string(orphans.fetch_add(1));
  TRY(upper->Link(from, {upper->workfd(), spare.c_str()}));
  file.spare_name = now.st.st_nlink > 1;
  MakeNameless(file, std::move(spare));
  return file.object.host_link ? Refresh(file) : Sys<>();  // a link has become another inode on the host
}

// A file of work/links whose last name is gone.
void OverlayState::AfterUnlink(const NodePtr& file) {
  if (file->linked_origin == 0) return;
  auto st = StatNode(*file);
  if (!st || st->st_nlink > 0) return;
  std::string name = "o.l" + std::to_string(orphans.fetch_add(1));
  std::string storage;
  if (!upper->Move(upper->LinkedSpot(file->linked_origin, &storage), {upper->workfd(), name.c_str()}, false))
    return;
  linked.erase(file->linked_origin);
  file->linked_origin = 0;
  MakeNameless(*file, std::move(name));
}

void OverlayState::DeadDirectory(const Found& found, const struct stat& last) {
  if (found.node == nullptr) return;
  Node& node = *found.node;
  node.directory->last = last;
  node.in_upper = false;
  nodes.SetHostIno(found.node, 0);
  directories.Drop(node.nodeid);
  MakeNameless(node, "");
}

namespace {

// The Node of what is about to lose its name in a lower directory, if the kernel knows it: it has one link
// less.
Sys<> LoseLowerName(OverlayState& state, const Found& found) {
  NodePtr node = found.node;
  if (node == nullptr) {
    if (!state.counts.Any(found.lower)) return {};
    node = TRY(state.NodeOf(found.nodeid()));
  }
  ++node->lost_links;
  state.MakeNameless(*node, "");
  return {};
}

// `links`: how many names the file has.
Sys<> UnlinkUpper(OverlayState& state, const NodePtr& parent, const UpperSpot& at, const NodePtr& file,
                  nlink_t links) {
  bool whiteout = state.NeedsWhiteout(*parent, at.name);
  bool own_place =
      file->linked_origin == 0 && !file->orphan && file->parent == parent && file->name == at.name;
  if (!own_place) {
    TRY(whiteout ? state.upper->PutWhiteout(at) : state.upper->Unlink(at));
  } else {
    std::string orphan = TRY(state.upper->MakeOrphan(at, whiteout));
    file->spare_name = links > 1;
    state.MakeNameless(*file, std::move(orphan));
  }
  state.AfterUnlink(file);
  return {};
}

}  // namespace

Sys<> OverlayTree::Unlink(uint64_t parent_id, std::string_view name) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  for (;;) {
    uint64_t shared =
        0;  // a file of the lower with several names: comes up first, so that their number is kept
    {
      std::unique_lock lock(s.tree_lock);
      DirectoryRef ref = TRY(s.DirectoryOf(parent_id));
      Found found = TRY(s.FindName(ref, name));
      if (!found.exists()) return SysFail(ENOENT);
      struct stat st = TRY(s.StatFound(found));
      if (S_ISDIR(st.st_mode)) return SysFail(EISDIR);
      bool in_lower = found.node == nullptr || !found.node->in_upper;
      if (in_lower && st.st_nlink > 1) {
        shared = found.nodeid();
      } else {
        NodePtr parent = TRY(s.CopyUpDirectory(parent_id));
        SharedFd directory = TRY(s.DirectoryFd(*parent));
        std::string text(name);
        UpperSpot at{directory->get(), text.c_str()};
        parent->directory->changes.fetch_add(1);
        if (in_lower) {
          TRY(s.upper->PutWhiteout(at));
          TRY(LoseLowerName(s, found));
        } else {
          if (found.node->linked_origin != 0 &&
              TRY(s.upper->Look(at.dirfd, at.name)).kind == UpperObject::Kind::kAbsent)
            TRY(s.upper->LinkPending(found.node->linked_origin, at));
          TRY(UnlinkUpper(s, parent, at, found.node, st.st_nlink));
          s.DropUnused(found.node);
        }
        return {};
      }
    }
    TRY(s.CopyUp(shared));
  }
}

Sys<> OverlayTree::RemoveDirectory(uint64_t parent_id, std::string_view name) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  std::unique_lock lock(s.tree_lock);
  DirectoryRef ref = TRY(s.DirectoryOf(parent_id));
  Found found = TRY(s.FindName(ref, name));
  if (!found.exists()) return SysFail(ENOENT);
  const struct stat last = TRY(s.StatFound(found));
  if (!S_ISDIR(last.st_mode)) return SysFail(ENOTDIR);
  TRY(s.EmptyForRemoval(found));
  NodePtr parent = TRY(s.CopyUpDirectory(parent_id));
  SharedFd directory = TRY(s.DirectoryFd(*parent));
  std::string text(name);
  UpperSpot at{directory->get(), text.c_str()};
  bool whiteout = s.NeedsWhiteout(*parent, name);
  if (found.node == nullptr && s.counts.Any(found.lower)) found.node = TRY(s.NodeOf(found.nodeid()));
  parent->directory->changes.fetch_add(1);
  if (parent->directory->subdirectories > 0) --parent->directory->subdirectories;
  if (found.node != nullptr && found.node->in_upper) {
    s.HoldInode(*found.node);
    std::string gone = TRY(s.upper->MakeOrphan(at, whiteout));
    s.DeadDirectory(found, last);
    (void)s.upper->DropOrphan(gone);
    if (s.quota.active()) s.quota.GiveInode();
  } else {
    TRY(s.upper->PutWhiteout(at));
    s.DeadDirectory(found, last);
  }
  if (found.node != nullptr) s.DropUnused(found.node);
  return {};
}

}  // namespace wolffia
