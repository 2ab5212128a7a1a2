// The child's step that gives it a terminal: a pseudo-terminal of the container's own devpts. Its side is
// opened by the master's descriptor and never by a path, which an image or a mount could lead elsewhere
// (CVE-2025-52565).
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "engine/runtime/beneath.h"
#include "engine/runtime/child_state.h"

namespace wolffia {
namespace {

// The kernel's ptmx of a devpts, with nothing mounted over it.
StepOutcome OpenMaster(int root, int* master) {
  Scoped directory{OpenBeneath(root, "/dev/pts", true)};
  if (directory.fd < 0) return Failed(-directory.fd);
  struct statfs fs;
  if (fstatfs(directory.fd, &fs) < 0) return Failed(errno);
  if (fs.f_type != DEVPTS_SUPER_MAGIC) return Failed(ENODEV, ChildDetail::kNotOnExpected);
  open_how how{};
  how.flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  *master = static_cast<int>(syscall(SYS_openat2, directory.fd, "ptmx", &how, sizeof how));
  if (*master < 0) return Failed(errno);
  struct stat st;
  if (fstat(*master, &st) < 0) return Failed(errno);
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2)) return Failed(ENODEV, ChildDetail::kNotADevice);
  return {};
}

StepOutcome ShowAsConsole(int root, int side) {
  Scoped tree{open_tree(side, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)};
  if (tree.fd < 0) return Failed(errno);
  Scoped at{MakeBeneath(root, "/dev/console", MountPoint::kFile)};
  if (at.fd < 0) return Failed(-at.fd, ChildDetail::kDestination);
  return Check(move_mount(tree.fd, "", at.fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

}  // namespace

StepOutcome Do(ChildState& state, const step::OpenTerminal& s) {
  // In an exec the root is the process's own.
  Scoped own{state.root < 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1};
  const int root = state.root < 0 ? own.fd : state.root;
  Scoped master{-1};
  if (StepOutcome o = OpenMaster(root, &master.fd); o.os_errno != 0) return o;
  int unlocked = 0;
  if (ioctl(master.fd, TIOCSPTLCK, &unlocked) < 0) return Failed(errno);
  winsize size{};
  size.ws_row = s.rows;
  size.ws_col = s.columns;
  if (s.rows != 0 && ioctl(master.fd, TIOCSWINSZ, &size) < 0) return Failed(errno);
  Scoped side{ioctl(master.fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)};
  if (side.fd < 0) return Failed(errno);
  if (fchown(side.fd, s.uid, s.gid) < 0) return Failed(errno);
  if (s.console)
    if (StepOutcome o = ShowAsConsole(root, side.fd); o.os_errno != 0) return o;
  if (ioctl(side.fd, TIOCSCTTY, 0) < 0) return Failed(errno);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (dup2(side.fd, fd) < 0) return Failed(errno);
  return SendToParent(ChildMessage::kTerminal, master.fd);
}

}  // namespace wolffia
