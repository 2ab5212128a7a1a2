// What an entry of plain directories is to a user, and its extended attributes.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "storage/overlay/directory_parts.h"
#include "storage/overlay/lower_xattr.h"

namespace wolffia {

// What an object of a layer is to a user. With override ids and nothing else said, what belongs to whoever
// serves belongs to root.
Sys<struct stat> DirectoryLower::LookAt(const HostSpot& spot) {
  struct stat st{};
  if (fstatat(spot.dirfd->get(), spot.name, &st, AT_SYMLINK_NOFOLLOW) != 0) return SysFail();
  if (overrides()) {
    if (st.st_uid == geteuid()) st.st_uid = 0;
    if (st.st_gid == getegid()) st.st_gid = 0;
    UpperRef ref{.dirfd = spot.dirfd->get(), .name = spot.name, .host_ino = st.st_ino};
    auto text =
        S_ISLNK(st.st_mode) ? Sys<std::string>(SysFail(ENODATA)) : stack_.xattrs().Get(ref, kOverrideXattr);
    auto said = text ? ParseOverride(*text) : std::nullopt;
    // A directory is one on the host, and nothing else is.
    if (said && S_ISDIR(said->mode) == S_ISDIR(st.st_mode)) {
      st.st_mode = said->mode;
      st.st_uid = said->uid;
      st.st_gid = said->gid;
      st.st_rdev = said->rdev;
      if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode)) st.st_size = st.st_blocks = 0;
    }
  }
  st.st_uid = options_.owners.users.Shown(st.st_uid);
  st.st_gid = options_.owners.groups.Shown(st.st_gid);
  return st;
}

Sys<HostEntry*> DirectoryLower::Known(LowerId id) {
  HostEntry* entry = Find(id);
  if (entry == nullptr) return SysFail(ESTALE);
  if (entry->looked_at.load(std::memory_order_acquire)) return entry;
  HostSpot spot = TRY(SpotOf(*entry));
  struct stat st = TRY(LookAt(spot));
  st.st_ino = inodes_.Shown(st.st_dev, st.st_ino);
  std::unique_lock lock(lock_);
  if (entry->looked_at.load(std::memory_order_relaxed)) return entry;
  entry->st = st;
  entry->looked_at.store(true, std::memory_order_release);
  return entry;
}

mode_t DirectoryLower::Type(LowerId id) {
  HostEntry* entry = Find(id);
  return entry != nullptr ? entry->type : 0;
}

Sys<struct stat> DirectoryLower::Stat(LowerId id) {
  HostEntry* entry = TRY(Known(id));
  struct stat st = entry->st;
  if (entry->type != S_IFDIR) return st;
  if (options_.static_nlink) {
    st.st_nlink = 1;
    return st;
  }
  auto directory = Load(id);
  // Whoever may not read it may still be told of it.
  if (!directory && directory.error() == EACCES) return st;
  if (!directory) return SysFail(directory.error());
  st.st_nlink = 2 + (*directory)->merged.subdirectories;
  return st;
}

// The topmost of the directories that were merged.
Sys<SharedFd> DirectoryLower::OpenTop(LowerId directory) {
  return stack_.Open(TRY(Load(directory))->parts.front());
}

// An attribute of the container that is not user.* is kept under another name where ids are overridden.
Sys<std::string> DirectoryLower::Xattr(LowerId id, std::string_view name) {
  HostEntry* entry = TRY(Known(id));
  bool user = name.starts_with("user.");
  if (!options_.xattrs || IsOverlayXattr(name)) return SysFail(ENODATA);
  HostSpot spot;
  SharedFd top;
  if (entry->type == S_IFDIR)
    top = TRY(OpenTop(id));
  else
    spot = TRY(SpotOf(*entry));
  UpperRef ref = RefOf(spot, *entry, top != nullptr ? top->get() : -1);
  std::string host_name = user || !overrides() ? std::string(name) : kKeptPrefix + std::string(name);
  auto value = stack_.xattrs().Get(ref, host_name);
  // What the host's file system does not have, and what it keeps to itself.
  if (!value && (value.error() == EOPNOTSUPP || value.error() == EPERM)) return SysFail(ENODATA);
  return value;
}

std::vector<std::string> DirectoryLower::XattrNames(LowerId id) {
  auto entry = Known(id);
  if (!options_.xattrs || !entry) return {};
  HostSpot spot;
  SharedFd top;
  if ((*entry)->type == S_IFDIR) {
    auto fd = OpenTop(id);
    if (!fd) return {};
    top = *std::move(fd);
  } else {
    auto found = SpotOf(**entry);
    if (!found) return {};
    spot = *std::move(found);
  }
  auto listed = stack_.xattrs().List(RefOf(spot, **entry, top != nullptr ? top->get() : -1));
  if (!listed) return {};
  std::vector<std::string> names;
  for (std::string& name : *listed) {
    bool kept = overrides() && name.starts_with(kKeptPrefix);
    if (kept) name.erase(0, strlen(kKeptPrefix));
    if (!kept && overrides() && !name.starts_with("user.")) continue;
    bool shown = name.starts_with("user.") || name.starts_with("trusted.") || name == "security.capability" ||
                 name.starts_with("system.posix_acl_");
    if (shown && !IsOverlayXattr(name)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace wolffia
