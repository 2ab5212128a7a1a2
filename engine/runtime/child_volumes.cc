// The child's steps for secrets and for volumes with changes of their own (option O).
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>

#include "engine/runtime/beneath.h"
#include "engine/runtime/child_state.h"

namespace wolffia {
namespace {

StepOutcome WriteAll(int fd, const std::string& data) {
  for (size_t done = 0; done < data.size();) {
    ssize_t n = write(fd, data.data() + done, data.size() - done);
    if (n < 0) return Failed(errno);
    done += static_cast<size_t>(n);
  }
  return {};
}

StepOutcome Attach(int tree, int destination) {
  return Check(move_mount(tree, "", destination, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

// The file system is the engine's own and new: nothing in it leads elsewhere.
int OpenForWriting(int root, const char* path) {
  open_how how{};
  how.flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
}

}  // namespace

StepOutcome Do(ChildState& state, const step::WriteFile& s) {
  Scoped made{MakeBeneath(state.root, s.path.c_str(), MountPoint::kFile)};
  if (made.fd < 0) return Failed(-made.fd);
  Scoped file{OpenForWriting(state.root, s.path.c_str())};
  if (file.fd < 0) return Failed(errno);
  // Who shares a volume that is mounted above may have taken the mount point away: in its namespace it is
  // none.
  struct statfs fs;
  if (fstatfs(file.fd, &fs) < 0) return Failed(errno);
  if (fs.f_type != TMPFS_MAGIC) return Failed(EPERM, ChildDetail::kNotOnExpected);
  if (StepOutcome o = WriteAll(file.fd, s.data); o.os_errno != 0) return o;
  if (fchown(file.fd, s.uid, s.gid) < 0) return Failed(errno);
  if (fchmod(file.fd, s.mode) < 0) return Failed(errno);
  if (s.bound_on.empty()) return {};
  Scoped tree{open_tree(made.fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)};
  if (tree.fd < 0) return Failed(errno);
  Scoped at{MakeBeneath(state.root, s.bound_on.c_str(), MountPoint::kFile)};
  if (at.fd < 0) return Failed(-at.fd, ChildDetail::kDestination);
  if (StepOutcome o = Attach(tree.fd, at.fd); o.os_errno != 0) return o;
  // The mount keeps the file; its first name was only the way to it.
  Scoped directory{OpenBeneath(state.root, "/run/secrets")};
  return Check(unlinkat(directory.fd, s.path.c_str() + sizeof "/run/secrets", 0));
}

// On top of the bind mount of its source, which is the lower: overlayfs takes only what lies in a mount
// namespace, so a detached tree will not do.
StepOutcome Do(ChildState& state, const step::MountOverlayAt& s) {
  Scoped at{OpenBeneath(state.root, s.destination.c_str())};
  if (at.fd < 0) return Failed(-at.fd, ChildDetail::kDestination);
  struct stat st;
  if (fstat(at.fd, &st) < 0) return Failed(errno, ChildDetail::kSource);
  if (!S_ISDIR(st.st_mode)) return Failed(ENOTDIR, ChildDetail::kSource);
  Scoped upper{open(s.upper.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (upper.fd < 0) return Failed(errno);
  // The directory itself looks as the source does; an owner that the namespace does not know cannot be given.
  (void)!fchown(upper.fd, st.st_uid, st.st_gid);
  if (fchmod(upper.fd, st.st_mode & 07777) < 0) return Failed(errno);
  char lower[64];
  snprintf(lower, sizeof lower, "/proc/self/fd/%d", at.fd);
  Scoped fs{fsopen("overlay", FSOPEN_CLOEXEC)};
  if (fs.fd < 0) return Failed(errno);
  if (fsconfig(fs.fd, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 ||
      fsconfig(fs.fd, FSCONFIG_SET_STRING, "lowerdir", lower, 0) < 0 ||
      fsconfig(fs.fd, FSCONFIG_SET_STRING, "upperdir", s.upper.c_str(), 0) < 0 ||
      fsconfig(fs.fd, FSCONFIG_SET_STRING, "workdir", s.work.c_str(), 0) < 0 ||
      fsconfig(fs.fd, FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) < 0)
    return Failed(errno, ChildDetail::kConfigure);
  if (fsconfig(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return Failed(errno);
  Scoped tree{fsmount(fs.fd, FSMOUNT_CLOEXEC, static_cast<unsigned>(s.attributes))};
  if (tree.fd < 0) return Failed(errno);
  // The overlay has a private copy of its lower. The bind goes: whoever may unmount inside could reach the
  // source.
  if (umount2(lower, MNT_DETACH) < 0) return Failed(errno, ChildDetail::kSource);
  Scoped empty{OpenBeneath(state.root, s.destination.c_str())};
  if (empty.fd < 0) return Failed(-empty.fd, ChildDetail::kDestination);
  return Attach(tree.fd, empty.fd);
}

}  // namespace wolffia
