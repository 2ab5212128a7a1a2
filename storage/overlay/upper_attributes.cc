// Owner, mode and times; and what a directory says about the lower below it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/overlay/host_upper.h"

namespace wolffia {

Sys<> HostUpper::SetAttributes(const UpperSpot& at, const UpperObject& now, const AttributeChange& change) {
  Ownership before{now.st.st_mode, now.st.st_uid, now.st.st_gid, now.st.st_rdev};
  Ownership after = before;
  if (change.mode && !S_ISLNK(before.mode)) after.mode = (before.mode & S_IFMT) | (*change.mode & 07777);
  if (change.uid) after.uid = *change.uid;
  if (change.gid) after.gid = *change.gid;
  // Also where nothing is new: the time of the change is.
  if (change.mode || change.uid || change.gid)
    TRY(overrides() ? SetOverride(at, now, after) : SetNative(at, before, after));
  if (change.atime.tv_nsec == UTIME_OMIT && change.mtime.tv_nsec == UTIME_OMIT) return {};
  Step();
  const struct timespec times[2] = {change.atime, change.mtime};
  if (utimensat(at.dirfd, at.name, times, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  return {};
}

// The override first: once it is there it is the truth, and the host's mode says nothing.
Sys<> HostUpper::SetOverride(const UpperSpot& at, const UpperObject& now, const Ownership& after) {
  if (now.host_link && !IsPlain(after)) return ReplacePlainLink(at, now, {.ownership = after});
  if (now.host_link) {
    Step();
    if (fchownat(at.dirfd, at.name, geteuid(), static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW) < 0)
      return SysFail();
    return {};
  }
  mode_t host_mode = HostMode(after) & 0777;
  if (now.overridden || !IsPlain(after)) {
    UpperRef ref{.dirfd = at.dirfd, .name = at.name, .host_ino = now.st.st_ino};
    TRY(xattrs_->Set(ref, kOverrideXattr, FormatOverride(after)));
    if (now.overridden || (now.st.st_mode & 0777) == host_mode) return {};
  }
  Step();
  if (fchmodat(at.dirfd, at.name, host_mode, 0) < 0) return SysFail();
  return {};
}

Sys<> HostUpper::SetNative(const UpperSpot& at, const Ownership& before, const Ownership& after) {
  bool owner = before.uid != after.uid || before.gid != after.gid || S_ISLNK(after.mode);
  if (owner) {
    Step();
    if (fchownat(at.dirfd, at.name, after.uid, after.gid, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  }
  // The host takes set-id bits away when the owner changes; whether they go is not its decision.
  if (S_ISLNK(after.mode) || (owner && before.mode == after.mode && (after.mode & 07000) == 0)) return {};
  Step();
  if (fchmodat(at.dirfd, at.name, after.mode & 07777, 0) < 0) return SysFail();
  return {};
}

Sys<> HostUpper::SetOpaque(const UpperSpot& at) {
  UpperRef ref = TRY(RefOf(at));
  TRY(xattrs_->Set(ref, kOpaqueXattr, "y"));
  return SyncMeaning();
}

Sys<> HostUpper::SetRedirect(const UpperSpot& at, const std::string& path) {
  UpperRef ref = TRY(RefOf(at));
  TRY(xattrs_->Set(ref, kRedirectXattr, "/" + path));
  return SyncMeaning();
}

}  // namespace wolffia
