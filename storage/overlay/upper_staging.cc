// Objects before they have a name: made in the work directory, complete, then moved to where they belong.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/overlay/host_upper.h"
#include "storage/overlay/upper_xattrs.h"

namespace wolffia {
namespace {

bool IsWhiteoutDevice(const Ownership& ownership) {
  return S_ISCHR(ownership.mode) && ownership.rdev == 0;
}

}  // namespace

Sys<Staged> HostUpper::Stage(const NewObject& object) {
  // A file system with an overlay on it can't hold this device: it would read as a whiteout.
  if (IsWhiteoutDevice(object.ownership)) return SysFail(EPERM);
  // A link on the host can have no attributes.
  auto staged = StageAs(object, !object.xattrs.empty() || object.origin != 0);
  // XFS has no links of more than 1,024 bytes; a file holds any.
  if (!staged && staged.error() == ENAMETOOLONG && S_ISLNK(object.ownership.mode) && overrides())
    return StageAs(object, true);
  return staged;
}

Sys<Staged> HostUpper::StageAs(const NewObject& object, bool link_as_file) {
  const Ownership& ownership = object.ownership;
  bool plain = IsPlain(ownership);
  link_as_file = overrides() && S_ISLNK(ownership.mode) && (link_as_file || !plain);
  const std::string name = NewName("s.");
  Staged guard(work_.get(), name, Fd(), 0);
  Fd fd;
  TRY(StageInode(object, link_as_file, name, &fd));
  struct stat st;
  if ((fd ? fstat(fd.get(), &st) : fstatat(work_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW)) < 0)
    return SysFail();
  TRY(Begins(st.st_ino));
  TRY(StageOwner(ownership, name, fd, st));
  bool overridden = overrides() && (link_as_file || !plain);
  TRY(StageXattrs(object, overridden,
                  {.dirfd = work_.get(), .name = name.c_str(), .host_ino = st.st_ino, .fd = fd.get()}));
  if (object.has_times) {
    Step();
    const struct timespec times[2] = {object.atime, object.mtime};
    if (utimensat(work_.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  }
  if (!S_ISREG(ownership.mode) && !S_ISDIR(ownership.mode)) fd.Reset();
  Placed(&guard);
  return Staged(work_.get(), name, std::move(fd), st.st_ino);
}

Sys<> HostUpper::StageInode(const NewObject& object, bool link_as_file, const std::string& name, Fd* fd) {
  mode_t mode = overrides() ? HostMode(object.ownership) : object.ownership.mode;
  if (link_as_file) mode = S_IFREG | 0600;
  Step();
  if (S_ISLNK(mode)) {
    if (symlinkat(object.target.c_str(), work_.get(), name.c_str()) < 0) return SysFail();
    return {};
  }
  if (S_ISDIR(mode)) {
    if (mkdirat(work_.get(), name.c_str(), mode & 0777) < 0) return SysFail();
    *fd = TRY(OpenDirectory(work_.get(), name.c_str()));
    return {};
  }
  if (!S_ISREG(mode)) {
    if (mknodat(work_.get(), name.c_str(), mode, object.ownership.rdev) < 0) return SysFail();
    return {};
  }
  *fd =
      Fd(openat(work_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777));
  if (!*fd) return SysFail();
  if (!link_as_file) return {};
  Step();
  auto written = WriteFull(fd->get(), object.target);
  if (!written) return SysFail(written.error().os_errno);
  // A link has no bytes to the container that it could lose: a loss of power may not leave it without a
  // target.
  return SyncFile(fd->get(), true);
}

Sys<> HostUpper::Begins(uint64_t host_ino) {
  if (!sidecar()) return {};
  TRY(xattrs_->Forget(host_ino));
  if (options_.durable) TRY(xattrs_->SyncForgotten(host_ino));
  return {};
}

// Owner first: it takes set-id bits away.
Sys<> HostUpper::StageOwner(const Ownership& ownership, const std::string& name, const Fd& fd,
                            const struct stat& st) {
  bool link = S_ISLNK(st.st_mode);
  mode_t mode = (overrides() ? HostMode(ownership) : ownership.mode) & 07777;
  if (!overrides() && (st.st_uid != ownership.uid || st.st_gid != ownership.gid)) {
    Step();
    if (fchownat(work_.get(), name.c_str(), ownership.uid, ownership.gid, AT_SYMLINK_NOFOLLOW) < 0)
      return SysFail();
  } else if ((st.st_mode & 07777) == mode) {
    return {};
  }
  // A link that is kept as a file is 0600 already, whatever its own mode.
  if (link || (overrides() && S_ISLNK(ownership.mode))) return {};
  Step();
  if ((fd ? fchmod(fd.get(), mode) : fchmodat(work_.get(), name.c_str(), mode, 0)) < 0) return SysFail();
  return {};
}

Sys<> HostUpper::StageXattrs(const NewObject& object, bool overridden, const UpperRef& ref) {
  if (overridden) TRY(xattrs_->Set(ref, kOverrideXattr, FormatOverride(object.ownership)));
  if (object.opaque) TRY(xattrs_->Set(ref, kOpaqueXattr, "y"));
  if (!object.redirect.empty()) TRY(xattrs_->Set(ref, kRedirectXattr, "/" + object.redirect));
  // With native ids a link or a device has no place for it, and gets a new number when it is served again.
  bool holds = overrides() || sidecar() || S_ISREG(object.ownership.mode) || S_ISDIR(object.ownership.mode);
  if (object.origin != 0 && holds) TRY(xattrs_->Set(ref, kOriginXattr, std::to_string(object.origin)));
  for (const auto& [name, value] : object.xattrs) {
    std::string kept = KeptXattrName(options_.ids, name);
    TRY(StoreOf(kept).Set(ref, kept, value));
  }
  const mode_t mode = object.ownership.mode;
  bool meaning =
      object.opaque || !object.redirect.empty() || (overridden && !S_ISREG(mode) && !S_ISDIR(mode));
  return meaning ? SyncMeaning() : Sys<>();
}

Sys<Fd> HostUpper::CreatePlain(const UpperSpot& to, mode_t mode) {
  TRY(CheckName(to));
  if (sidecar()) {
    // The inode number is known only when the inode is there, and what an earlier owner of the number had
    // must be forgotten before anybody can see it.
    auto staged = Stage({.ownership = {.mode = mode}});
    if (!staged) return SysFail(staged.error());
    struct stat st;
    if (fstatat(to.dirfd, to.name, &st, AT_SYMLINK_NOFOLLOW) == 0) return SysFail(EEXIST);
    Fd fd = staged->TakeFd();
    TRY(Place(std::move(*staged), to));
    return fd;
  }
  Step();
  if (S_ISDIR(mode)) {
    if (mkdirat(to.dirfd, to.name, mode & 0777) < 0) return SysFail();
    return OpenDirectory(to.dirfd, to.name);
  }
  Fd fd(openat(to.dirfd, to.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777));
  if (!fd) return SysFail();
  return fd;
}

Sys<> HostUpper::ReplacePlainLink(const UpperSpot& at, const UpperObject& now, NewObject object) {
  object.target = TRY(ReadLink(at.dirfd, at.name, now));
  object.has_times = true;
  struct stat link;
  if (fstatat(at.dirfd, at.name, &link, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  object.atime = link.st_atim;
  object.mtime = link.st_mtim;
  Staged staged = TRY(StageAs(object, true));
  struct stat directory;
  if (fstat(at.dirfd, &directory) < 0) return SysFail();
  TRY(Place(std::move(staged), at));
  // Nobody has changed a name.
  const struct timespec times[2] = {directory.st_atim, directory.st_mtim};
  Step();
  (void)futimens(at.dirfd, times);
  return {};
}

}  // namespace wolffia
