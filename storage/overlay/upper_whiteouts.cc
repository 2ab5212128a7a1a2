// Whiteouts: names that the lower has and the tree has not.
//
// With override ids a hard link of work/whiteout, an empty file that says that it is a device 0:0. Against a
// node of its own (which RENAME_WHITEOUT makes, and which is understood) it takes no inode, and is as cheap
// to look at: its inode number is known. [ext4: link 50 us, mknod 700-2300 while it walks around inodes that
// were freed a moment ago; tmpfs 9 and 11.] With native ids a node, or, where there can be none, ".wh.NAME"
// beside the name.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "storage/overlay/host_upper.h"

namespace wolffia {
namespace {

constexpr char kWhiteoutFile[] = "whiteout";
constexpr std::string_view kDotWhiteout = ".wh.";
constexpr char kDotOpaque[] = ".wh..wh..opq";

bool CannotLink(int error) {
  return error == EPERM || error == EOPNOTSUPP || error == ENOSYS;
}

}  // namespace

Sys<> HostUpper::CheckName(const UpperSpot& at) const {
  if (!overrides() && std::string_view(at.name).starts_with(kDotWhiteout)) return SysFail(EPERM);
  return {};
}

Sys<> HostUpper::PutWhiteout(const UpperSpot& at) {
  if (dot_whiteouts()) {
    TRY(PutDotWhiteout(at));
    uint64_t ended = EndsWith(at);
    Sys<> removed = Remove(at);
    if (!removed && removed.error() != ENOENT) return removed;
    Ended(ended);
    return {};
  }
  Sys<> put = PutWhiteoutNew(at);
  if (put || put.error() != EEXIST) return put;
  auto there = Look(at.dirfd, at.name);
  if (!there) return SysFail(there.error());
  if (there->kind == UpperObject::Kind::kWhiteout) return {};
  if (there->kind == UpperObject::Kind::kDirectory) return SysFail(EISDIR);
  uint64_t ended = EndsWith(at);
  const std::string name = NewName("s.");
  TRY(StageWhiteout(name));
  Staged guard(work_.get(), name, Fd(), 0);
  TRY(Rename(InWork(name), at));
  Placed(&guard);
  Ended(ended);
  return {};
}

// In place, where nothing is.
Sys<> HostUpper::PutWhiteoutNew(const UpperSpot& at) {
  if (dot_whiteouts()) return PutDotWhiteout(at);
  if (!overrides()) {
    Step();
    if (mknodat(at.dirfd, at.name, S_IFCHR, makedev(0, 0)) < 0) return SysFail();
    return {};
  }
  Sys<> linked = LinkWhiteout(at);
  if (linked || !CannotLink(linked.error())) return linked;
  struct stat st;
  if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW) == 0) return SysFail(EEXIST);
  const std::string name = NewName("s.");
  TRY(MakeWhiteoutFile(name));
  Staged guard(work_.get(), name, Fd(), 0);
  TRY(Rename(InWork(name), at));
  Placed(&guard);
  return {};
}

Sys<> HostUpper::StageWhiteout(const std::string& name) {
  if (overrides()) {
    Sys<> linked = LinkWhiteout(InWork(name));
    return !linked && CannotLink(linked.error()) ? MakeWhiteoutFile(name) : linked;
  }
  Step();
  if (mknodat(work_.get(), name.c_str(), S_IFCHR, makedev(0, 0)) < 0) return SysFail();
  return {};
}

Sys<> HostUpper::LinkWhiteout(const UpperSpot& at) {
  for (int attempt = 0; attempt < 2; attempt++) {
    TRY(EnsureWhiteoutFile());
    Step();
    if (linkat(work_.get(), kWhiteoutFile, at.dirfd, at.name, 0) == 0) return {};
    if (errno != EMLINK) return SysFail();
    TRY(Remove(InWork(kWhiteoutFile)));  // it has all the names it can have: take a new one
    whiteout_ino_ = 0;
  }
  return SysFail(EMLINK);
}

Sys<> HostUpper::EnsureWhiteoutFile() {
  if (whiteout_ino_ != 0) return {};
  const std::string name = NewName("s.");
  TRY(MakeWhiteoutFile(name));
  Staged guard(work_.get(), name, Fd(), 0);
  struct stat st;
  if (fstatat(work_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return SysFail();
  TRY(Rename(InWork(name), InWork(kWhiteoutFile)));
  Placed(&guard);
  whiteout_ino_ = st.st_ino;
  return {};
}

Sys<> HostUpper::MakeWhiteoutFile(const std::string& name) {
  Step();
  Fd fd(openat(work_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return SysFail();
  Staged guard(work_.get(), name, Fd(), 0);
  struct stat st;
  if (fstat(fd.get(), &st) < 0) return SysFail();
  TRY(Begins(st.st_ino));
  UpperRef ref{.dirfd = work_.get(), .name = name.c_str(), .host_ino = st.st_ino, .fd = fd.get()};
  TRY(xattrs_->Set(ref, kOverrideXattr, FormatOverride({.mode = S_IFCHR})));
  TRY(SyncMeaning());
  Placed(&guard);
  return {};
}

// While NAME is there it counts, and ".wh.NAME" does not: so this can come first.
Sys<> HostUpper::PutDotWhiteout(const UpperSpot& at) {
  struct stat st;
  if (fstatat(at.dirfd, at.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
    return SysFail(EISDIR);
  return MakeDotFile(at);
}

Sys<> HostUpper::MakeDotFile(const UpperSpot& at) {
  std::string dot(kDotWhiteout);
  dot += at.name;
  Step();
  Fd fd(openat(at.dirfd, dot.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return SysFail();
  return {};
}

Sys<> HostUpper::ClearWhiteouts(int directory_fd) {
  auto names = TRY(List(directory_fd));
  for (const Name& entry : names)
    if (entry.type != DT_WHT && !IsWhiteoutAt({directory_fd, entry.name.c_str()})) return SysFail(ENOTEMPTY);
  struct stat st;
  if (!overrides() && fstatat(directory_fd, kDotOpaque, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    // What makes it opaque is one of these files: something else has to, before they go.
    TRY(SetOpaque({directory_fd, "."}));
    TRY(Remove({directory_fd, kDotOpaque}));
  }
  for (const Name& entry : names) {
    TRY(Unlink({directory_fd, entry.name.c_str()}));
    if (overrides()) continue;
    std::string dot(kDotWhiteout);
    dot += entry.name;
    Sys<> removed = Remove({directory_fd, dot.c_str()});
    if (!removed && removed.error() != ENOENT && removed.error() != ENAMETOOLONG) return removed;
  }
  return {};
}

}  // namespace wolffia
