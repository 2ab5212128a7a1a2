// New names: files, directories, links, and files without a name.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "storage/overlay/acl.h"
#include "storage/overlay/overlay_data.h"
#include "storage/overlay/overlay_node.h"

namespace wolffia {
namespace {

// The directory's default ACL; "" if it has none. Asked for once.
Sys<std::string> DefaultAcl(OverlayState& state, Node& directory) {
  if (!state.options.acl || !state.options.xattrs) return std::string();
  std::optional<std::string>& known = directory.directory->default_acl;
  if (!known) {
    SharedFd hold;
    UpperSpot spot = TRY(state.SpotOf(directory, &hold));
    auto value = state.upper->GetXattr(spot, directory.Object(), kDefaultAcl);
    known = value ? *std::move(value) : std::string();
  }
  return *known;
}

// Owner, mode and ACLs that a new node of this caller has in this directory.
Sys<NewObject> ObjectFor(OverlayState& state, Node& directory, const NewNode& wanted, const Caller& caller) {
  NewObject object;
  object.target = wanted.target;
  object.ownership = {wanted.mode, caller.uid, caller.gid, wanted.rdev};
  Ownership& own = object.ownership;
  bool is_directory = S_ISDIR(wanted.mode);
  if ((directory.object.st.st_mode & S_ISGID) != 0) {
    own.gid = directory.object.st.st_gid;
    if (is_directory) own.mode |= S_ISGID;
  }
  if (S_ISLNK(wanted.mode)) {
    own.mode = S_IFLNK | 0777;
    return object;
  }
  InheritedAcl inherited =
      InheritAcl(TRY(DefaultAcl(state, directory)), own.mode, is_directory, caller.umask);
  own.mode = inherited.mode;
  if (inherited.access) object.xattrs.emplace_back(kAccessAcl, *std::move(inherited.access));
  if (inherited.default_acl) object.xattrs.emplace_back(kDefaultAcl, *std::move(inherited.default_acl));
  return object;
}

// One system call makes it, complete.
bool MadeAtOnce(const OverlayState& state, const NewObject& object) {
  const Ownership& own = object.ownership;
  if (!object.xattrs.empty() || (!S_ISREG(own.mode) && !S_ISDIR(own.mode))) return false;
  if (state.upper->ids() == UpperIds::kOverride) return IsPlain(own);
  return own.uid == geteuid() && own.gid == getegid() && (own.mode & 07000) == 0;
}

struct Made {
  Fd fd;  // of a regular file or a directory
  uint64_t host_ino = 0;
  std::optional<struct stat> host;  // of what needs no second look
};

Sys<Made> MakeObject(OverlayState& state, const UpperSpot& at, NewObject& object, bool hides_directory) {
  if (MadeAtOnce(state, object)) {
    auto fd = state.upper->CreatePlain(at, object.ownership.mode);
    if (fd) {
      struct stat st;
      if (fstat(fd->get(), &st) < 0) return SysFail();
      return Made{*std::move(fd), st.st_ino, st};
    }
    if (fd.error() != EEXIST) return SysFail(fd.error());
  }
  UpperObject there = TRY(state.upper->Look(at.dirfd, at.name));
  if (there.kind != UpperObject::Kind::kAbsent && there.kind != UpperObject::Kind::kWhiteout)
    return SysFail(EEXIST);
  object.opaque = S_ISDIR(object.ownership.mode) && hides_directory;
  Staged staged = TRY(state.upper->Stage(object));
  uint64_t host_ino = staged.host_ino();
  // A symlink with an override is a file with bytes.
  if (state.quota.counts_bytes())
    TRY(state.quota.Charge(host_ino, TRY(HostBytes(state.upper->workfd(), staged.name().c_str()))));
  Fd fd = S_ISLNK(object.ownership.mode) ? Fd() : staged.TakeFd();
  if (auto placed = state.upper->Place(std::move(staged), at); !placed) {
    state.quota.Release(host_ino);
    return SysFail(placed.error());
  }
  return Made{std::move(fd), host_ino};
}

// Without a parent it has no name: `name` is the one in work/.
Sys<Entry> EntryOfNew(OverlayState& state, const NodePtr& parent, std::string_view name,
                      const NewObject& object, Made& made) {
  auto node = std::make_shared<Node>();
  node->nodeid = state.nodes.NewNodeid();
  if (S_ISDIR(object.ownership.mode)) node->directory = std::make_unique<DirectoryFacts>();
  node->in_upper = true;
  node->orphan = parent == nullptr;
  node->parent = parent;
  node->name = name;
  node->host_ino = made.host_ino;
  node->shown_ino = state.lower->UpperIno(state.upper->device(), made.host_ino);
  if (made.host) {
    const Ownership& own = object.ownership;
    node->object.kind = node->directory ? UpperObject::Kind::kDirectory : UpperObject::Kind::kFile;
    node->object.st = {made.host->st_mode, own.uid, own.gid, 0};
  }
  if (node->directory) node->directory->subdirectories = 0;
  KnowXattrs(*node, object);
  // What an entry that was forgotten in disorder may have left behind under this host inode.
  if (NodePtr stale = state.nodes.FindHost(made.host_ino)) state.nodes.SetHostIno(stale, 0);
  node = state.nodes.Add(std::move(node));
  if (!made.host) TRY(state.Refresh(*node));
  if (made.fd && S_ISREG(object.ownership.mode)) state.files.Put(node->nodeid, std::move(made.fd));
  if (made.fd && node->directory) state.directories.Put(node->nodeid, std::move(made.fd));
  struct stat st = TRY(state.StatNode(*node, made.host ? &*made.host : nullptr));
  node->lookups.fetch_add(1);
  return Entry{node->nodeid, st};
}

Sys<> CheckFree(OverlayState& state, Node& parent, SharedFd directory, std::string_view name) {
  if (!ValidName(name))
    return SysFail(name.size() > 255 ? ENAMETOOLONG : name == "." || name == ".." ? EEXIST : EINVAL);
  if (!state.NeedsWhiteout(parent, name)) return {};
  UpperObject there = TRY(state.upper->Look(directory->get(), std::string(name).c_str()));
  return there.kind == UpperObject::Kind::kWhiteout ? Sys<>() : SysFail(EEXIST);
}

}  // namespace

Sys<Entry> OverlayTree::MakeNode(uint64_t parent_id, std::string_view name, const NewNode& wanted,
                                 const Caller& caller) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  // What a whiteout is made of.
  if (S_ISCHR(wanted.mode) && wanted.rdev == 0) return SysFail(EPERM);
  std::unique_lock lock(s.tree_lock);
  TRY(s.DirectoryOf(parent_id));
  NodePtr parent = TRY(s.CopyUpDirectory(parent_id));
  SharedFd directory = TRY(s.DirectoryFd(*parent));
  TRY(CheckFree(s, *parent, directory, name));
  NewObject object = TRY(ObjectFor(s, *parent, wanted, caller));
  LowerId below = parent->lower != kNoLower ? s.lower->Lookup(parent->lower, name) : kNoLower;
  bool hides_directory = below != kNoLower && S_ISDIR(s.lower->Type(below));
  if (s.quota.active()) TRY(s.quota.TakeInode());
  std::string text(name);
  auto made = MakeObject(s, {directory->get(), text.c_str()}, object, hides_directory);
  if (!made) {
    if (s.quota.active()) s.quota.GiveInode();
    return SysFail(made.error());
  }
  parent->directory->changes.fetch_add(1);
  if (S_ISDIR(wanted.mode) && parent->directory->subdirectories >= 0) ++parent->directory->subdirectories;
  return EntryOfNew(s, parent, name, object, *made);
}

Sys<Entry> OverlayTree::MakeTemporary(uint64_t parent_id, mode_t mode, const Caller& caller) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  std::unique_lock lock(s.tree_lock);
  NodePtr parent = TRY(s.CopyUpDirectory(parent_id));
  if (parent->orphan) return SysFail(ENOENT);
  NewObject object = TRY(ObjectFor(s, *parent, {.mode = (mode & 07777) | S_IFREG}, caller));
  if (s.quota.active()) TRY(s.quota.TakeInode());
  std::string name = "o.t" + std::to_string(s.orphans.fetch_add(1));
  auto made = MakeObject(s, {s.upper->workfd(), name.c_str()}, object, false);
  if (!made) {
    if (s.quota.active()) s.quota.GiveInode();
    return SysFail(made.error());
  }
  return EntryOfNew(s, nullptr, name, object, *made);
}

Sys<Entry> OverlayTree::Link(uint64_t nodeid, uint64_t parent_id, std::string_view name) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  NodePtr node = TRY(s.CopyUp(nodeid));
  if (node->directory) return SysFail(EPERM);
  std::unique_lock lock(s.tree_lock);
  TRY(s.DirectoryOf(parent_id));
  NodePtr parent = TRY(s.CopyUpDirectory(parent_id));
  SharedFd directory = TRY(s.DirectoryFd(*parent));
  TRY(CheckFree(s, *parent, directory, name));
  std::string text(name);
  UpperSpot to{directory->get(), text.c_str()};
  UpperObject there = TRY(s.upper->Look(to.dirfd, to.name));
  if (there.kind == UpperObject::Kind::kFile || there.kind == UpperObject::Kind::kDirectory)
    return SysFail(EEXIST);
  SharedFd hold;
  UpperSpot from = TRY(s.SpotOf(*node, &hold));
  if (node->orphan && !node->spare_name) {  // it gets its first name (O_TMPFILE)
    TRY(s.upper->Move(from, to, false));
    node->orphan = false;
    s.SetPlace(*node, parent, text);
  } else {
    if (node->object.host_link) s.HoldInode(*node);
    TRY(s.upper->Link(from, to));
    if (node->object.host_link) TRY(s.Refresh(*node));  // it has become another inode on the host
  }
  parent->directory->changes.fetch_add(1);
  Found found{node, kNoLower};
  struct stat st = TRY(s.StatNode(*node));
  s.CountLookup(found);
  return Entry{node->nodeid, st};
}

}  // namespace wolffia
