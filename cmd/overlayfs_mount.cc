#include "cmd/overlayfs_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/base/process.h"
#include "engine/base/socket.h"

namespace wolffia {
namespace {

constexpr char kFusermount[] = "fusermount3";
constexpr int kCommFd = 3;  // of fusermount3, which reads its number from the environment

void Join(std::string* list, std::string_view option) {
  if (!list->empty()) list->push_back(',');
  list->append(option);
}

Result<FuseMount> MountDirectly(const OverlayfsOptions& options, const std::string& mountpoint) {
  auto fuse = Open("/dev/fuse", O_RDWR);
  if (!fuse &&
      (fuse.error().os_errno == ENOENT || fuse.error().os_errno == ENXIO || fuse.error().os_errno == ENODEV))
    return Fail(
        Code::kUnsupported,
        "there is no FUSE: /dev/fuse is missing (modprobe fuse, or give the container --device /dev/fuse)");
  if (!fuse) return std::unexpected(std::move(fuse.error()));
  std::string data = "fd=" + std::to_string(fuse->get()) +
                     ",rootmode=40000,user_id=" + std::to_string(geteuid()) +
                     ",group_id=" + std::to_string(getegid()) + "," + KernelMountData(options);
  std::string type = "fuse." + options.subtype;
  if (mount(options.source.c_str(), mountpoint.c_str(), type.c_str(), options.flags, data.c_str()) != 0)
    return FailErrno("mount on " + mountpoint);
  return FuseMount{.fuse = *std::move(fuse), .keeper = Fd()};
}

Result<FuseMount> MountByHelper(const OverlayfsOptions& options, const std::string& mountpoint) {
  SocketPair pair = TRY(MakeSocketPair());
  SpawnRequest request;
  request.program = kFusermount;
  request.argv = {kFusermount, "-o", FusermountOptions(options), "--", mountpoint};
  for (char** variable = environ; *variable != nullptr; ++variable) request.env.emplace_back(*variable);
  request.env.push_back("_FUSE_COMMFD=" + std::to_string(kCommFd));
  request.inherit_env = false;
  request.donations = {{.from = pair.theirs.get(), .to = kCommFd}};
  auto child = Spawn(request);
  if (!child && child.error().code == Code::kNotFound)
    return Fail(Code::kUnsupported,
                "fusermount3 is missing: install the package fuse3, or mount as root of a user namespace");
  if (!child) return std::unexpected(std::move(child.error()));
  pair.theirs.Reset();
  auto packet = ReceivePacket(pair.ours.get());
  bool mounted = packet && packet->fds.size() == 1;
  // With auto_unmount it stays, until the socket is closed.
  if (mounted && options.auto_unmount)
    child->Detach();
  else
    mounted = TRY(child->Wait()).ShellCode() == 0 && mounted;
  if (!mounted)
    return Fail(Code::kDenied, "fusermount3 could not mount on " + mountpoint + " (it says why above)");
  return FuseMount{.fuse = std::move(packet->fds[0]),
                   .keeper = options.auto_unmount ? std::move(pair.ours) : Fd()};
}

}  // namespace

std::string KernelMountData(const OverlayfsOptions& options) {
  std::string data = "default_permissions";
  if (options.allow_other) Join(&data, "allow_other");
  for (const std::string& extra : options.extra) Join(&data, extra);
  return data;
}

std::string FusermountOptions(const OverlayfsOptions& options) {
  constexpr struct {
    unsigned long flag;
    const char* name;
  } kNames[] = {{MS_RDONLY, "ro"},      {MS_NODEV, "nodev"},     {MS_NOSUID, "nosuid"},
                {MS_NOEXEC, "noexec"},  {MS_NOATIME, "noatime"}, {MS_SYNCHRONOUS, "sync"},
                {MS_DIRSYNC, "dirsync"}};
  std::string list = KernelMountData(options);
  for (const auto& known : kNames)
    if ((options.flags & known.flag) != 0) Join(&list, known.name);
  if (options.auto_unmount) Join(&list, "auto_unmount");
  Join(&list, "fsname=" + options.source);
  Join(&list, "subtype=" + options.subtype);
  return list;
}

Result<FuseMount> MountFuse(const OverlayfsOptions& options, const std::string& mountpoint) {
  if (geteuid() == 0 && !options.auto_unmount) {
    auto mounted = MountDirectly(options, mountpoint);
    // Root of a namespace that may not mount here: the helper may.
    if (mounted || mounted.error().os_errno != EPERM) return mounted;
  }
  return MountByHelper(options, mountpoint);
}

Result<> UnmountFuse(const std::string& mountpoint) {
  if (umount2(mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  int error = errno;
  if (error != EPERM) return FailErrno("unmount " + mountpoint, error);
  SpawnRequest request;
  request.program = kFusermount;
  request.argv = {kFusermount, "-u", "-z", "-q", "--", mountpoint};
  Child child = TRY(Spawn(request));
  if (TRY(child.Wait()).ShellCode() != 0)
    return Fail(Code::kDenied, "fusermount3 could not unmount " + mountpoint);
  return {};
}

}  // namespace wolffia
