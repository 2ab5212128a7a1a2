// The child's steps that build the root file system. Mounts are made by descriptor (open_tree, fsmount,
// move_mount): no path of the container is resolved by mount(2), so no symlink of an image can send a mount
// elsewhere (CVE-2019-16884, CVE-2021-30465, CVE-2023-27561, CVE-2025-31133, CVE-2025-52565).
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "engine/runtime/beneath.h"
#include "engine/runtime/child_state.h"

namespace wolffia {
namespace {

bool IsOn(int fd, uint32_t magic) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 && static_cast<uint32_t>(fs.f_type) == magic;
}

StepOutcome Attach(int tree, int destination) {
  return Check(move_mount(tree, "", destination, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

StepOutcome SetAttributes(int tree, uint64_t attributes, uint64_t propagation, bool recursive) {
  if (attributes == 0 && propagation == 0) return {};
  mount_attr attr{};
  attr.attr_set = attributes;
  if ((attributes & MOUNT_ATTR__ATIME) != 0) attr.attr_clr = MOUNT_ATTR__ATIME;  // a field, not a bit
  attr.propagation = propagation;
  return Check(mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr),
               ChildDetail::kAttributes);
}

int CloneTree(int dirfd, const char* path, unsigned flags) {
  return open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
}

// A descriptor gets its fixed number.
StepOutcome MoveTo(int fd, int number) {
  if (fd < 0 || fd == number) return Check(fd);
  Scoped old{fd};
  return Check(dup3(fd, number, O_CLOEXEC));
}

// A path to hide: absent is fine, what was found must be on the file system that it belongs to.
StepOutcome OpenHidden(ChildState& s, const std::string& path, uint32_t file_system, int* fd) {
  *fd = OpenBeneath(s.root, path.c_str());
  if (*fd == -ENOENT || *fd == -ENOTDIR) return {};
  if (*fd < 0) return Failed(-*fd);
  if (file_system != 0 && !IsOn(*fd, file_system)) return Failed(EPERM, ChildDetail::kNotOnExpected);
  return {};
}

int NewFilesystem(const char* type, const char* source, ChildDetail* detail) {
  int fs = fsopen(type, FSOPEN_CLOEXEC);
  *detail = ChildDetail::kNone;
  if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
    *detail = ChildDetail::kConfigure;
  return fs;
}

}  // namespace

StepOutcome Do(ChildState&, const step::IsolateMounts& s) {
  return Check(mount(nullptr, "/", nullptr, MS_REC | (s.slave ? MS_SLAVE : MS_PRIVATE), nullptr));
}

StepOutcome Do(ChildState&, const step::EnterDirectory& s) {
  return Check(chdir(s.path.c_str()));
}

StepOutcome Do(ChildState&, const step::OpenFuse&) {
  return MoveTo(open("/dev/fuse", O_RDWR | O_CLOEXEC), kFuseFd);
}

StepOutcome Do(ChildState&, const step::MountFuse& s) {
  unsigned long flags = MS_NODEV;
  if (s.read_only) flags |= MS_RDONLY;
  return Check(mount("wolffia", s.target.c_str(), "fuse", flags, s.options.c_str()));
}

StepOutcome Do(ChildState&, const step::MountMemory& s) {
  if (mount("tmpfs", s.target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, s.options.c_str()) < 0)
    return Failed(errno);
  Scoped top{open(s.target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (top.fd < 0) return Failed(errno);
  // The sticky bit: it was never served (overlay_node.cc).
  if (mkdirat(top.fd, "upper", S_ISVTX | 0700) < 0 || mkdirat(top.fd, "work", 0700) < 0) return Failed(errno);
  if (!s.hand_over) return {};
  return MoveTo(std::exchange(top.fd, -1), kMemoryFd);
}

StepOutcome Do(ChildState& state, const step::OpenSource& s) {
  int fd = CloneTree(AT_FDCWD, s.source.c_str(), s.recursive ? AT_RECURSIVE : 0);
  if (fd < 0) return Failed(errno);
  state.memory.slots[static_cast<size_t>(s.slot)] = fd;
  if (!s.device) return {};
  struct stat st;
  if (fstat(fd, &st) < 0) return Failed(errno);
  if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) return Failed(ENODEV, ChildDetail::kNotADevice);
  if (s.device_major != 0 && st.st_rdev != makedev(s.device_major, s.device_minor))
    return Failed(ENODEV, ChildDetail::kNotADevice);
  return {};
}

StepOutcome Do(ChildState& state, const step::OpenNull& s) {
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0) return Failed(errno);
  state.memory.slots[static_cast<size_t>(s.slot)] = fd;
  struct stat st;
  if (fstat(fd, &st) < 0) return Failed(errno);
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) return Failed(ENODEV, ChildDetail::kNotADevice);
  return {};
}

StepOutcome Do(ChildState&, const step::GiveOwner& s) {
  Scoped dir{open(s.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (dir.fd < 0) return Failed(errno);
  if (fchown(dir.fd, s.uid, s.gid) < 0) return Failed(errno);
  return Check(fchmod(dir.fd, s.mode));  // after chown, which clears setuid and setgid
}

StepOutcome Do(ChildState&, const step::MountOverlay& s) {
  if (!s.stale_mark.empty()) {
    Scoped mark{open(s.stale_mark.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (mark.fd >= 0) unlinkat(mark.fd, "dirty", 0);
    rmdir(s.stale_mark.c_str());
  }
  return Check(mount("overlay", s.target.c_str(), "overlay", 0, s.options.c_str()));
}

StepOutcome Do(ChildState& state, const step::AttachRootfs& s) {
  int& slot = state.memory.slots[static_cast<size_t>(s.slot)];
  Scoped tree{slot};
  slot = -1;
  if (StepOutcome o = SetAttributes(tree.fd, 0, MS_PRIVATE, true); o.os_errno != 0) return o;
  return Check(move_mount(tree.fd, "", AT_FDCWD, s.target.c_str(), MOVE_MOUNT_F_EMPTY_PATH));
}

StepOutcome Do(ChildState& state, const step::OpenRoot& s) {
  state.root = open(s.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return Check(state.root);
}

StepOutcome Do(ChildState& state, const step::MountFilesystem& s) {
  ChildDetail detail;
  Scoped fs{NewFilesystem(s.type.c_str(), s.source.c_str(), &detail)};
  if (fs.fd < 0 || detail != ChildDetail::kNone) return Failed(errno, detail);
  for (const auto& [name, value] : s.options) {
    int r = value.empty() ? fsconfig(fs.fd, FSCONFIG_SET_FLAG, name.c_str(), nullptr, 0)
                          : fsconfig(fs.fd, FSCONFIG_SET_STRING, name.c_str(), value.c_str(), 0);
    if (r < 0) return Failed(errno, ChildDetail::kConfigure);
  }
  if (fsconfig(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return Failed(errno);
  Scoped tree{fsmount(fs.fd, FSMOUNT_CLOEXEC, static_cast<unsigned>(s.attributes))};
  if (tree.fd < 0) return Failed(errno);
  Scoped at{MakeBeneath(state.root, s.destination.c_str(), MountPoint::kDirectory)};
  if (at.fd < 0) return Failed(-at.fd, ChildDetail::kDestination);
  if (s.ordinary_directory) {
    int strict = OpenBeneath(state.root, s.destination.c_str(), true);
    if (strict < 0) return Failed(-strict, ChildDetail::kDestination);
    close(strict);
  }
  if (IsOn(at.fd, PROC_SUPER_MAGIC)) return Failed(EPERM, ChildDetail::kProcCovered);
  return Attach(tree.fd, at.fd);
}

StepOutcome Do(ChildState& state, const step::BindMount& s) {
  int& slot = state.memory.slots[static_cast<size_t>(s.slot)];
  Scoped tree{slot};
  slot = -1;
  struct stat st;
  if (fstat(tree.fd, &st) < 0) return Failed(errno, ChildDetail::kSource);
  if (StepOutcome o = SetAttributes(tree.fd, s.attributes, s.propagation, s.recursive); o.os_errno != 0)
    return o;
  Scoped at{MakeBeneath(state.root, s.destination.c_str(),
                        S_ISDIR(st.st_mode) ? MountPoint::kDirectory : MountPoint::kFile)};
  if (at.fd < 0) return Failed(-at.fd, ChildDetail::kDestination);
  if (!s.allow_proc && IsOn(at.fd, PROC_SUPER_MAGIC)) return Failed(EPERM, ChildDetail::kProcCovered);
  return Attach(tree.fd, at.fd);
}

StepOutcome Do(ChildState& state, const step::MakeDirectory& s) {
  int fd = MakeBeneath(state.root, s.path.c_str(), MountPoint::kDirectory, s.mode);
  if (fd < 0) return Failed(-fd);
  close(fd);
  return {};
}

StepOutcome Do(ChildState& state, const step::MakeSymlink& s) {
  const char* name = strrchr(s.path.c_str(), '/') + 1;
  char parent[256];
  size_t size = static_cast<size_t>(name - s.path.c_str());
  if (size >= sizeof parent) return Failed(ENAMETOOLONG);
  memcpy(parent, s.path.c_str(), size);
  parent[size] = 0;
  Scoped at{OpenBeneath(state.root, parent)};
  if (at.fd < 0) return Failed(-at.fd);
  return Check(symlinkat(s.target.c_str(), at.fd, name));
}

StepOutcome Do(ChildState& state, const step::WriteSysctl& s) {
  Scoped path{OpenBeneath(state.root, s.path.c_str(), true)};
  if (path.fd < 0) return Failed(-path.fd);
  if (!IsOn(path.fd, PROC_SUPER_MAGIC)) return Failed(EPERM, ChildDetail::kNotOnExpected);
  Scoped base{OpenBeneath(state.root, "/proc/sys", true)};
  if (base.fd < 0) return Failed(-base.fd);
  Scoped file{openat(base.fd, s.path.c_str() + sizeof "/proc/sys", O_WRONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (file.fd < 0) return Failed(errno);
  return Check(write(file.fd, s.value.data(), s.value.size()));
}

StepOutcome Do(ChildState& state, const step::ReadOnlyPath& s) {
  Scoped at{-1};
  StepOutcome found = OpenHidden(state, s.path, s.file_system, &at.fd);
  if (at.fd < 0 || found.os_errno != 0) return found;
  Scoped tree{CloneTree(at.fd, "", AT_EMPTY_PATH | AT_RECURSIVE)};
  if (tree.fd < 0) return Failed(errno);
  if (StepOutcome o = SetAttributes(tree.fd, MOUNT_ATTR_RDONLY, 0, true); o.os_errno != 0) return o;
  return Attach(tree.fd, at.fd);
}

StepOutcome Do(ChildState& state, const step::MaskPath& s) {
  Scoped at{-1};
  StepOutcome found = OpenHidden(state, s.path, s.file_system, &at.fd);
  if (at.fd < 0 || found.os_errno != 0) return found;
  struct stat st;
  if (fstat(at.fd, &st) < 0) return Failed(errno);
  if (!S_ISDIR(st.st_mode)) {
    Scoped null{CloneTree(state.memory.slots[static_cast<size_t>(s.null_slot)], "", AT_EMPTY_PATH)};
    return null.fd < 0 ? Failed(errno, ChildDetail::kSource) : Attach(null.fd, at.fd);
  }
  if (state.mask >= 0) {
    Scoped again{CloneTree(state.mask, "", AT_EMPTY_PATH)};
    return again.fd < 0 ? Failed(errno) : Attach(again.fd, at.fd);
  }
  ChildDetail detail;
  Scoped fs{NewFilesystem("tmpfs", "tmpfs", &detail)};
  if (fs.fd < 0 || detail != ChildDetail::kNone) return Failed(errno, detail);
  if (fsconfig(fs.fd, FSCONFIG_SET_FLAG, "ro", nullptr, 0) < 0) return Failed(errno, ChildDetail::kConfigure);
  if (fsconfig(fs.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return Failed(errno);
  state.mask = fsmount(fs.fd, FSMOUNT_CLOEXEC,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (state.mask < 0) return Failed(errno);
  return Attach(state.mask, at.fd);
}

StepOutcome Do(ChildState& state, const step::RootAttributes& s) {
  return SetAttributes(state.root, s.read_only ? uint64_t{MOUNT_ATTR_RDONLY} : 0, s.propagation, false);
}

// pivot_root(".", ".") puts the old root on top of the new one, from where it is detached: no directory is
// needed for it (pivot_root(2), "Notes").
StepOutcome Do(ChildState& state, const step::PivotRoot&) {
  if (fchdir(state.root) < 0) return Failed(errno);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return Failed(errno);
  if (umount2(".", MNT_DETACH) < 0) return Failed(errno);
  close(state.root);
  if (state.mask >= 0) close(state.mask);
  state.root = state.mask = -1;
  return Check(chdir("/"));
}

StepOutcome Do(ChildState& state, const step::NullStdin& s) {
  return Check(dup2(state.memory.slots[static_cast<size_t>(s.null_slot)], STDIN_FILENO));
}

}  // namespace wolffia
