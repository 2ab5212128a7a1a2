// Why the kernel refused one of the three things that an ordinary user's container stands on, in words with a
// remedy.
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>

#include "engine/base/file.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

std::string Sysctl(const std::string& root, const std::string& name) {
  std::string text = ReadFile(root + "/proc/sys/" + name, 4096).value_or("");
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

bool UnderSeccompFilter(const std::string& root) {
  std::string status = ReadFile(root + "/proc/self/status", 1 << 16).value_or("");
  return status.find("\nSeccomp:\t2") != std::string::npos;
}

// A process in a chroot sees no mount on "/"; the kernel gives it no user namespace (CVE-2013-1956).
bool InChroot(const std::string& root) {
  std::string text = ReadFile(root + "/proc/self/mountinfo", 16 << 20).value_or("");
  if (text.empty()) return false;
  std::string_view rest = text;
  for (std::string_view line; NextLine(rest, line);) {
    std::vector<std::string_view> fields = SplitFields(line, ' ', 6);
    if (fields.size() == 6 && fields[4] == "/") return false;
  }
  return true;
}

constexpr const char* kOuterContainer =
    "this process runs under a seccomp filter, as in a container of docker or podman: the outer container "
    "must be "
    "started with --security-opt seccomp=unconfined (or --privileged) by whoever starts it";

bool KernelBefore(int major, int minor) {
  utsname name;
  int have_major = 0, have_minor = 0;
  if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &have_major, &have_minor) != 2) return false;
  return have_major < major || (have_major == major && have_minor < minor);
}

// Of an upper directory's file system, what keeps the kernel's overlayfs from it; nullptr if nothing is
// known.
const char* WhyNotUpper(decltype(statfs::f_type) type) {
  switch (static_cast<uint32_t>(type)) {
    case NFS_SUPER_MAGIC:
      return "NFS, which the kernel's overlayfs cannot write to";
    case 0x0bd00bd0:
      return "Lustre, which the kernel's overlayfs cannot write to";
    case 0x47504653:
      return "GPFS, which the kernel's overlayfs cannot write to";
    case FUSE_SUPER_MAGIC:
      return "a FUSE file system, which the kernel's overlayfs cannot write to";
    case OVERLAYFS_SUPER_MAGIC:
      return "itself an overlayfs (the root of an outer container), which cannot be the upper of another";
    case ECRYPTFS_SUPER_MAGIC:
      return "eCryptfs, which the kernel's overlayfs cannot write to";
    case TMPFS_MAGIC:
      return KernelBefore(6, 6) ? "a tmpfs, which has user extended attributes only from Linux 6.6 on"
                                : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

std::string ExplainUsernsRefusal(int os_errno, const std::string& root) {
  if (access((root + "/proc/self/ns/user").c_str(), F_OK) != 0 || os_errno == EINVAL)
    return "this kernel has no user namespaces (CONFIG_USER_NS): a kernel with them is needed";
  if (Sysctl(root, "user/max_user_namespaces") == "0")
    return "user namespaces are switched off (user.max_user_namespaces is 0): an administrator can allow "
           "them with "
           "\"sysctl user.max_user_namespaces=28633\"";
  if (Sysctl(root, "kernel/unprivileged_userns_clone") == "0")
    return "user namespaces are forbidden to ordinary users (kernel.unprivileged_userns_clone is 0): an "
           "administrator "
           "can allow them with \"sysctl kernel.unprivileged_userns_clone=1\"";
  for (const char* kind : {"net", "pid", "mnt", "ipc", "uts", "cgroup"}) {
    const std::string limit = std::string("max_") + kind + "_namespaces";
    if (os_errno == ENOSPC && Sysctl(root, "user/" + limit) == "0")
      return std::string(kind) + " namespaces are switched off (user." + limit +
             " is 0): an administrator can allow them with \"sysctl user." + limit + "=28633\"" +
             (kind == std::string_view("net") ? "; --network host needs none" : "");
  }
  if (os_errno == ENOSPC || os_errno == EUSERS)
    return os_errno == EUSERS ? "user namespaces are nested more than 32 deep"
                              : "the limit of user namespaces is reached (user.max_user_namespaces is " +
                                    Sysctl(root, "user/max_user_namespaces") +
                                    "): end some containers, or an administrator can raise it with sysctl";
  if (std::string value = Sysctl(root, "kernel/apparmor_restrict_unprivileged_userns"); value == "1")
    return "AppArmor restricts user namespaces of ordinary users "
           "(kernel.apparmor_restrict_unprivileged_userns is 1): "
           "an administrator can install an AppArmor profile that gives wolffia and wolffia-monitor "
           "\"userns,\", or "
           "allow all with \"sysctl kernel.apparmor_restrict_unprivileged_userns=0\"";
  if (InChroot(root))
    return "the kernel gives no user namespaces inside a chroot: leave it, or use pivot_root";
  if (UnderSeccompFilter(root)) return kOuterContainer;
  return "the kernel refused a user namespace (a security module such as SELinux may forbid it): an "
         "administrator "
         "finds the reason in the audit log";
}

std::string ExplainFuseRefusal(int os_errno, const std::string& root) {
  struct stat st;
  if (stat((root + "/dev/fuse").c_str(), &st) < 0)
    return UnderSeccompFilter(root)
               ? "/dev/fuse is missing: the outer container must be started with --device /dev/fuse by "
                 "whoever starts it"
               : "/dev/fuse is missing: an administrator can load it with \"modprobe fuse\"";
  if (!S_ISCHR(st.st_mode))
    return "/dev/fuse is not a device: an administrator can make it with \"mknod /dev/fuse c 10 229\"";
  if (os_errno == ENXIO || os_errno == ENODEV)
    return "the kernel has no FUSE (/dev/fuse answers that there is no such device): an administrator can "
           "load it with "
           "\"modprobe fuse\"";
  if ((os_errno == EACCES || os_errno == EPERM) && (st.st_mode & 06) != 06)
    return "/dev/fuse is closed to ordinary users: an administrator can open it with \"chmod 0666 "
           "/dev/fuse\" (udev's "
           "usual rule)";
  if (os_errno == EPERM || os_errno == EACCES)
    return UnderSeccompFilter(root)
               ? std::string("the outer container's device or mount rules forbid FUSE: ") + kOuterContainer +
                     ", with --device /dev/fuse"
               : "mounting FUSE in a user namespace is refused: it needs Linux 4.18 or later and no security "
                 "module "
                 "that forbids mount";
  return std::string("FUSE is refused: ") + std::strerror(os_errno);
}

std::string ExplainOverlayRefusal(int os_errno, const std::string& path) {
  if (KernelBefore(5, 11))
    return "the kernel's overlayfs is open to ordinary users from Linux 5.11 on, and this one is older";
  struct statfs fs;
  if (statfs(path.c_str(), &fs) == 0)
    if (const char* why = WhyNotUpper(fs.f_type); why != nullptr)
      return path + " is on " + why + ": set storage.root to a local directory (ext4, xfs, btrfs, or tmpfs)";
  if (os_errno == EPERM || os_errno == EACCES)
    return "the kernel's overlayfs is refused in a user namespace: a security module or an outer container "
           "forbids "
           "the mount";
  if (os_errno == ENODEV)
    return "the kernel has no overlayfs: an administrator can load it with \"modprobe overlay\"";
  return "the kernel's overlayfs refuses " + path + ": " + std::strerror(os_errno);
}

std::string ExplainUpperOfNobody() {
  return "--storage-opt upper=memory: the container's user namespace does not map the user (--userns), who "
         "would "
         "write there, and the kernel's overlayfs is not to be had here; use another upper";
}

}  // namespace wolffia
