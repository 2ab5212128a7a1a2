// Extended attributes of the merged tree: which names there are, ACLs that change the mode, and what is
// remembered of the attributes that other operations must respect.
#include <linux/limits.h>
#include <sys/xattr.h>

#include "storage/overlay/acl.h"
#include "storage/overlay/overlay_data.h"

namespace wolffia {
namespace {

bool IsAcl(std::string_view name) {
  return name == kAccessAcl || name == kDefaultAcl;
}

// Whether there can be an attribute of this name at all, as a kernel would say that has neither SELinux nor a
// privileged caller.
Sys<> CheckName(const OverlayState& state, std::string_view name, bool change) {
  if (!state.options.xattrs) return SysFail(EOPNOTSUPP);
  if (name.empty() || name.size() > XATTR_NAME_MAX) return SysFail(ERANGE);
  if (IsAcl(name)) return state.options.acl ? Sys<>() : SysFail(EOPNOTSUPP);
  if (name.starts_with("user.")) return name.size() > 5 ? Sys<>() : SysFail(EINVAL);
  if (name.starts_with("trusted.")) return SysFail(change ? EPERM : ENODATA);
  if (name.starts_with("security.")) {
    bool native = state.upper != nullptr && state.upper->ids() == UpperIds::kNative;
    if (native || name == kCapabilityXattr) return {};
    return SysFail(change ? EOPNOTSUPP : ENODATA);
  }
  return SysFail(EOPNOTSUPP);
}

// Whether an object of this type can have it: user.* is for files and directories, and no ACL is for
// symlinks.
Sys<> CheckHolder(mode_t mode, std::string_view name, bool change) {
  bool ordinary = S_ISREG(mode) || S_ISDIR(mode);
  if (name.starts_with("user.") && !ordinary) return SysFail(change ? EPERM : ENODATA);
  if (IsAcl(name) && S_ISLNK(mode)) return SysFail(EOPNOTSUPP);
  return {};
}

// Shared tree lock.
Sys<mode_t> ModeOf(OverlayState& state, uint64_t nodeid) {
  return TRY(state.StatOf(nodeid)).st_mode;
}

// Shared tree lock.
Sys<std::string> XattrOf(OverlayState& state, Node& node, const std::string& name) {
  SharedFd hold;
  UpperSpot spot = TRY(state.SpotOf(node, &hold));
  return state.upper->GetXattr(spot, node.Object(), name);
}

// Exclusive tree lock, as all below.
Sys<> Store(OverlayState& state, Node& node, const std::string& name, std::string_view value, int flags) {
  if (node.object.host_link) state.HoldInode(node);
  SharedFd hold;
  UpperSpot spot = TRY(state.SpotOf(node, &hold));
  if (!state.quota.counts_bytes()) return state.upper->SetXattr(spot, node.Object(), name, value, flags);
  // The host may put it into a block of its own.
  const uint64_t room = (value.size() + name.size()) / 4096 * 4096 + 4096;
  TRY(state.quota.TakeBytes(room));
  auto stored = state.upper->SetXattr(spot, node.Object(), name, value, flags);
  auto bytes = HostBytes(spot.dirfd, spot.name);
  if (bytes) {
    state.quota.Settle(node.host_ino, *bytes, room);
  } else {
    state.quota.GiveBytes(room);
  }
  return stored;
}

Sys<> Erase(OverlayState& state, Node& node, const std::string& name) {
  SharedFd hold;
  UpperSpot spot = TRY(state.SpotOf(node, &hold));
  return state.upper->RemoveXattr(spot, node.Object(), name);
}

Sys<> EraseIfThere(OverlayState& state, Node& node, const std::string& name) {
  auto erased = Erase(state, node, name);
  return !erased && erased.error() == ENODATA ? Sys<>() : erased;
}

void Remember(Node& node, std::string_view name, bool present) {
  auto presence = present ? Node::Presence::kPresent : Node::Presence::kAbsent;
  if (name == kCapabilityXattr) node.capability = presence;
  if (name == kAccessAcl) node.access_acl = presence;
  if (name == kDefaultAcl && node.directory) node.directory->default_acl.reset();
}

// As posix_acl_update_mode. First the list, then the mode: a crash between them leaves a mode that is too
// narrow or too wide only for ls, because the list decides.
Sys<> SetAccessAcl(OverlayState& state, Node& node, const Acl& acl, bool kill_sgid) {
  if (acl.empty()) {
    TRY(EraseIfThere(state, node, kAccessAcl));
    Remember(node, kAccessAcl, false);
    return {};
  }
  const mode_t before = node.object.st.st_mode;
  mode_t mode = ModeOfAcl(acl, before);
  if (kill_sgid) mode &= ~static_cast<mode_t>(S_ISGID);
  if (IsOnlyMode(acl)) {
    TRY(EraseIfThere(state, node, kAccessAcl));
  } else {
    TRY(Store(state, node, kAccessAcl, FormatAcl(acl), 0));
  }
  Remember(node, kAccessAcl, !IsOnlyMode(acl));
  return mode == before ? Sys<>() : ChangeMode(state, node, mode);
}

Sys<> SetDefaultAcl(OverlayState& state, Node& node, const Acl& acl) {
  if (!node.directory) return acl.empty() ? Sys<>() : SysFail(EACCES);
  if (acl.empty()) {
    TRY(EraseIfThere(state, node, kDefaultAcl));
  } else {
    TRY(Store(state, node, kDefaultAcl, FormatAcl(acl), 0));
  }
  Remember(node, kDefaultAcl, !acl.empty());
  return {};
}

Sys<bool> IsPresent(OverlayState& state, Node& node, const char* name, std::atomic<Node::Presence>& known) {
  Node::Presence presence = known;
  if (presence == Node::Presence::kUnknown) {
    auto value = XattrOf(state, node, name);
    if (!value && value.error() != ENODATA && value.error() != EOPNOTSUPP) return SysFail(value.error());
    presence = value ? Node::Presence::kPresent : Node::Presence::kAbsent;
    known = presence;
  }
  return presence == Node::Presence::kPresent;
}

}  // namespace

void KnowXattrs(Node& node, const NewObject& object) {
  node.capability = node.access_acl = Node::Presence::kAbsent;
  if (node.directory) node.directory->default_acl = "";
  for (const auto& [name, value] : object.xattrs) {
    Remember(node, name, true);
    if (name == kDefaultAcl && node.directory) node.directory->default_acl = value;
  }
}

Sys<bool> HasCapability(OverlayState& state, Node& node) {
  return IsPresent(state, node, kCapabilityXattr, node.capability);
}

Sys<bool> HasAccessAcl(OverlayState& state, Node& node) {
  return IsPresent(state, node, kAccessAcl, node.access_acl);
}

Sys<> DropCapability(OverlayState& state, Node& node) {
  if (!TRY(HasCapability(state, node))) return {};
  TRY(EraseIfThere(state, node, kCapabilityXattr));
  Remember(node, kCapabilityXattr, false);
  return {};
}

Sys<> ChangeModeOfAcl(OverlayState& state, Node& node, mode_t mode) {
  // The host does it where the list is its own.
  if (!state.options.acl || !state.options.xattrs || state.upper->ids() == UpperIds::kNative) return {};
  if (S_ISLNK(node.object.st.st_mode) || !TRY(HasAccessAcl(state, node))) return {};
  auto acl = ParseAcl(TRY(XattrOf(state, node, kAccessAcl)));
  if (!acl || acl->empty()) return {};  // an image's, which the kernel does not understand either
  ChangeAclMode(&*acl, mode);
  return Store(state, node, kAccessAcl, FormatAcl(*acl), 0);
}

Sys<std::string> OverlayTree::GetXattr(uint64_t nodeid, const std::string& name) {
  OverlayState& s = *state_;
  TRY(CheckName(s, name, false));
  std::shared_lock lock(s.tree_lock);
  NodePtr node = s.nodes.Find(nodeid);
  if (node != nullptr && node->in_upper) {
    TRY(CheckHolder(node->object.st.st_mode, name, false));
    if (name == kCapabilityXattr && !TRY(HasCapability(s, *node))) return SysFail(ENODATA);
    return XattrOf(s, *node, name);
  }
  LowerId id = node != nullptr ? node->lower : TRY(s.PureLower(nodeid));
  if (id == kNoLower || !s.lower->shows_xattrs()) return SysFail(ENODATA);
  TRY(CheckHolder(s.lower->Type(id), name, false));
  return s.lower->Xattr(id, name);
}

Sys<std::string> OverlayTree::ListXattrs(uint64_t nodeid) {
  OverlayState& s = *state_;
  if (!s.options.xattrs) return SysFail(EOPNOTSUPP);
  std::shared_lock lock(s.tree_lock);
  std::vector<std::string> names;
  NodePtr node = s.nodes.Find(nodeid);
  if (node != nullptr && node->in_upper) {
    SharedFd hold;
    UpperSpot spot = TRY(s.SpotOf(*node, &hold));
    names = TRY(s.upper->ListXattrs(spot, node->Object()));
  } else {
    LowerId id = node != nullptr ? node->lower : TRY(s.PureLower(nodeid));
    if (id != kNoLower && s.lower->shows_xattrs()) names = s.lower->XattrNames(id);
  }
  std::string list;
  for (const std::string& name : names)
    if (CheckName(s, name, false)) list.append(name).push_back('\0');
  return list;
}

Sys<> OverlayTree::SetXattr(uint64_t nodeid, const std::string& name, std::string_view value, int flags,
                            bool kill_sgid) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  TRY(CheckName(s, name, true));
  if (value.size() > XATTR_SIZE_MAX) return SysFail(E2BIG);
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return SysFail(EINVAL);
  Acl acl;
  if (IsAcl(name)) acl = TRY(ParseAcl(value));
  {
    std::shared_lock lock(s.tree_lock);
    TRY(CheckHolder(TRY(ModeOf(s, nodeid)), name, true));
  }
  if (flags != 0 && !IsAcl(name)) {  // nothing is copied up for what fails
    auto now = GetXattr(nodeid, name);
    if (now && (flags & XATTR_CREATE) != 0) return SysFail(EEXIST);
    if (!now && (flags & XATTR_REPLACE) != 0) return SysFail(now.error());
  }
  NodePtr node = TRY(s.CopyUp(nodeid));
  std::unique_lock lock(s.tree_lock);
  if (IsAcl(name) && s.upper->ids() == UpperIds::kOverride)
    return name == kAccessAcl ? SetAccessAcl(s, *node, acl, kill_sgid) : SetDefaultAcl(s, *node, acl);
  TRY(Store(s, *node, name, value, flags));
  Remember(*node, name, true);
  // The host has changed the mode; or a symlink is a file with an override now.
  if (IsAcl(name) || node->object.host_link) TRY(s.Refresh(*node));
  const mode_t mode = node->object.st.st_mode;
  return kill_sgid && (mode & S_ISGID) != 0 ? ChangeMode(s, *node, mode & ~static_cast<mode_t>(S_ISGID))
                                            : Sys<>();
}

Sys<> OverlayTree::RemoveXattr(uint64_t nodeid, const std::string& name) {
  OverlayState& s = *state_;
  TRY(s.CheckWritable());
  TRY(CheckName(s, name, true));
  {
    std::shared_lock lock(s.tree_lock);
    TRY(CheckHolder(TRY(ModeOf(s, nodeid)), name, true));
  }
  if (auto now = GetXattr(nodeid, name); !now) return SysFail(now.error());
  NodePtr node = TRY(s.CopyUp(nodeid));
  std::unique_lock lock(s.tree_lock);
  TRY(Erase(s, *node, name));
  Remember(*node, name, false);
  return {};
}

}  // namespace wolffia
