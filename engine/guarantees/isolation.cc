// Isolation: what a container does not see or cannot do.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"
#include "engine/landlock/ruleset.h"

namespace wolffia {
namespace {

constexpr std::string_view kHostMode = "the container shares the host's, on request only";

Finding UserNamespace(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  return Holds();
}

// One that can be made, and in which the World has seen that it is a new one.
Finding Namespace(HostTrial& host, uint64_t flag, Trial trial) {
  if (auto refused = NamespaceRefused(host, flag)) return *refused;
  if (auto settled = Settled(host, trial)) return *settled;
  Finding finding = Lost("a new one can be made but not used: " + Words(host.InWorld().inside[trial]));
  finding.stops_run = true;
  return finding;
}
Finding MountNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWNS, Trial::kMountNamespace);
}
Finding PidNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWPID, Trial::kPidNamespace);
}
Finding IpcNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWIPC, Trial::kIpcNamespace);
}
Finding UtsNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWUTS, Trial::kUtsNamespace);
}
Finding CgroupNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWCGROUP, Trial::kCgroupNamespace);
}
Finding NetworkNamespace(HostTrial& host) {
  return Namespace(host, CLONE_NEWNET, Trial::kNetNamespace);
}

Finding Processes(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNS | CLONE_NEWPID)) return *refused;
  if (const int error = host.InWorld().inside[Trial::kProc]; error > 0) {
    Finding finding = HoldsIf("the kernel refuses a new /proc (" + Words(error) +
                                  "): parts of the own one are hidden, as in a container of docker or podman",
                              "have the outer container started with --security-opt unmask=ALL (podman) or "
                              "systempaths=unconfined (docker)",
                              Who::kYou);
    finding.stops_run = true;
    return finding;
  }
  if (auto settled = Settled(host, Trial::kProcessesHidden)) return *settled;
  return Lost("a new /proc shows processes of the host");
}

Finding MaskedPaths(HostTrial& host) {
  if (host.InWorld().inside[Trial::kProc] > 0) return Processes(host);
  if (auto settled = Settled(host, Trial::kMaskedPath)) return *settled;
  return Lost("a file of /proc could not be hidden: " + Words(host.InWorld().inside[Trial::kMaskedPath]));
}

Finding Hidden(HostTrial& host, Trial trial, const char* what) {
  if (auto refused = NamespaceRefused(host, CLONE_NEWNET)) return *refused;
  if (auto settled = Settled(host, trial)) return *settled;
  return Lost(std::string(what) + " could be reached from a new network namespace");
}
Finding AbstractSockets(HostTrial& host) {
  return Hidden(host, Trial::kAbstractSocket, "an abstract socket of the host");
}
Finding HostLoopback(HostTrial& host) {
  return Hidden(host, Trial::kHostLoopback, "a port on the host's loopback");
}

Finding Seccomp(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kSeccomp)) return *settled;
  Finding finding = Lost(
      "the built-in profile could not be put on a process: " + Words(host.InWorld().inside[Trial::kSeccomp]) +
      "; the kernel may lack CONFIG_SECCOMP_FILTER");
  finding.stops_run = true;
  return finding;
}

Finding Capabilities(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kCapabilities)) return *settled;
  return Lost("a process could use a capability that had been taken from it");
}

Finding NoNewPrivileges(HostTrial& host) {
  if (auto one = OneIdOnly(host)) {
    // There is no second user to try it with, and none to become.
    if (host.InWorld().exists) return Holds();
    return *one;
  }
  if (auto settled = Settled(host, Trial::kNoNewPrivileges)) return *settled;
  return Lost("a setuid program gained privileges in spite of it: " +
              Words(host.InWorld().inside[Trial::kNoNewPrivileges]));
}

bool IsThere(const char* path) {
  struct stat st;
  return stat(path, &st) == 0;
}

Finding Selinux(HostTrial&) {
  if (!IsThere("/sys/fs/selinux/enforce")) return NotApplicable("SELinux is not active on this host");
  return Lost("wolffia does not label containers yet: they run with the user's own SELinux label");
}

Finding Apparmor(HostTrial&) {
  if (ReadFile("/sys/module/apparmor/parameters/enabled", 16).value_or("") != "Y\n")
    return NotApplicable("AppArmor is not active on this host");
  return Lost("only root loads AppArmor profiles, and wolffia does not ask for one that is loaded");
}

Finding Landlock(HostTrial& host) {
  if (LandlockVersion() == 0) {
    if (errno == EOPNOTSUPP)
      return HoldsIf("Landlock is switched off", "add landlock to lsm= on the kernel's command line",
                     Who::kAdministrator);
    return Lost("the kernel has no Landlock (since Linux 5.13)");
  }
  if (auto settled = Settled(host, Trial::kLandlock)) return *settled;
  return Lost("a policy could not be put on a process: " + Words(host.InWorld().inside[Trial::kLandlock]));
}

constexpr Guarantee kRows[] = {
    {.id = "user-namespace",
     .title = "Containers can be started at all, without privileges",
     .rootful = "the engine is root",
     .mechanism = "user namespaces, tried by making one",
     .needs = "user.max_user_namespaces above 0, and no sysctl, AppArmor rule, chroot or outer seccomp "
              "filter that forbids them",
     .instead = "nothing runs; run says which of these it is",
     .attainable = true,
     .probe = UserNamespace},
    {.id = "mount-namespace",
     .title = "A container has mounts of its own, and sees no file of the host but those that it is given",
     .rootful = "a mount namespace and pivot_root(2)",
     .mechanism = "the same, in the user namespace",
     .needs = "mount namespaces",
     .instead = "",
     .attainable = true,
     .probe = MountNamespace},
    {.id = "pid-namespace",
     .title = "A container has processes of its own, and its first one is number 1",
     .rootful = "a pid namespace",
     .mechanism = "the same, in the user namespace",
     .needs = "pid namespaces",
     .instead = kHostMode,
     .attainable = true,
     .probe = PidNamespace},
    {.id = "ipc-namespace",
     .title = "A container has message queues, semaphores and shared memory of its own",
     .rootful = "an ipc namespace",
     .mechanism = "the same, in the user namespace, and a tmpfs on /dev/shm",
     .needs = "ipc namespaces",
     .instead = kHostMode,
     .attainable = true,
     .probe = IpcNamespace},
    {.id = "uts-namespace",
     .title = "A container has a host name of its own",
     .rootful = "a uts namespace",
     .mechanism = "the same, in the user namespace",
     .needs = "uts namespaces",
     .instead = kHostMode,
     .attainable = true,
     .probe = UtsNamespace},
    {.id = "cgroup-namespace",
     .title = "A container does not see its place in the host's control groups",
     .rootful = "a cgroup namespace",
     .mechanism = "the same, in the user namespace",
     .needs = "cgroup namespaces",
     .instead = "",
     .attainable = true,
     .probe = CgroupNamespace},
    {.id = "network-namespace",
     .title = "A container has interfaces, addresses and ports of its own",
     .rootful = "a network namespace",
     .mechanism = "the same, in the user namespace",
     .needs = "network namespaces",
     .instead = "--network host, on request, or by the setting network.fallback",
     .attainable = true,
     .probe = NetworkNamespace},
    {.id = "processes-hidden",
     .title = "Processes of the host and of other users are hidden",
     .rootful = "a /proc of the pid namespace",
     .mechanism = "the same, mounted in the user namespace",
     .needs = "an own /proc without hidden parts: the kernel gives no new one where an outer container has "
              "masked some",
     .instead = "",
     .attainable = true,
     .probe = Processes},
    {.id = "masked-paths",
     .title = "What /proc and /sys tell or change of the host is masked or read-only",
     .rootful = "mounts over the paths, as the OCI runtime specification lists them",
     .mechanism =
         "the same; paths are opened beneath the root, and must be on the file system that they belong to",
     .needs = "the same as processes-hidden",
     .instead = "",
     .attainable = true,
     .probe = MaskedPaths},
    {.id = "abstract-sockets-hidden",
     .title = "Abstract unix sockets of the host (D-Bus, X11) cannot be reached",
     .rootful = "the network namespace",
     .mechanism = "the network namespace",
     .needs = "network namespaces; not --network host",
     .instead = "",
     .attainable = true,
     .probe = AbstractSockets},
    {.id = "host-loopback-hidden",
     .title = "Services on the host's loopback cannot be reached",
     .rootful = "the network namespace",
     .mechanism = "the network namespace, and helpers that are told not to connect there",
     .needs = "network namespaces; not --network host, not allow_host_loopback",
     .instead = "",
     .attainable = true,
     .probe = HostLoopback},
    {.id = "seccomp",
     .title = "A container may use only the system calls that its profile allows",
     .rootful = "a seccomp filter, by default an allow-list",
     .mechanism =
         "the same: a profile of wolffia's own, or one in the OCI format (--security-opt seccomp=FILE)",
     .needs = "a kernel with seccomp filters",
     .instead = "",
     .attainable = true,
     .probe = Seccomp},
    {.id = "capabilities",
     .title = "A container's root has a few capabilities, and cannot get more",
     .rootful = "the bounding set: 11 to 14 of 41, over the host",
     .mechanism =
         "the same set, but over the user namespace alone: none of them holds for anything of the host's",
     .needs = "",
     .instead = "",
     .attainable = true,
     .probe = Capabilities},
    {.id = "no-new-privileges",
     .title = "A container can be kept from gaining privileges by executing a program",
     .rootful = "no_new_privs, on request",
     .mechanism = "no_new_privs, with --security-opt no-new-privileges",
     .needs = "",
     .instead = "",
     .attainable = true,
     .probe = NoNewPrivileges},
    {.id = "selinux",
     .title = "SELinux separates containers from the host and from each other",
     .rootful = "a label with two categories for each container",
     .mechanism = "",
     .needs = "",
     .instead = "namespaces, capabilities and seccomp",
     .attainable = false,
     .probe = Selinux},
    {.id = "apparmor",
     .title = "AppArmor confines containers",
     .rootful = "a profile that the engine loads",
     .mechanism = "",
     .needs = "",
     .instead = "namespaces, capabilities and seccomp",
     .attainable = false,
     .probe = Apparmor},
    {.id = "landlock",
     .title = "Landlock confines containers by a policy",
     .rootful = "no engine does it",
     .mechanism = "a policy for each container: paths, TCP ports, signals and abstract sockets "
                  "(--security-opt landlock=FILE or landlock=default)",
     .needs = "Linux 5.13 with Landlock in lsm=; 6.7 for TCP ports, 6.12 for signals and abstract sockets",
     .instead = "namespaces, capabilities and seccomp",
     .attainable = true,
     .probe = Landlock},
};

}  // namespace

std::span<const Guarantee> IsolationGuarantees() {
  return kRows;
}

}  // namespace wolffia
