// The options of `run` and `create`, by name.
#pragma once

#include <array>
#include <string_view>

#include "cmd/option.h"
#include "cmd/table/resource_options.h"
#include "cmd/table/shared_options.h"
#include "engine/guarantees/ids.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kRun[] = {
    {"add-host", 0, kList, "NAME:ADDRESS", "Add a name to /etc/hosts; host-gateway is the host's address"},
    {"annotation", 0, kList, "KEY=VALUE", "Add an annotation to the container"},
    {"attach", 'a', kCommaList, "STREAM", "Attach only to stdin, stdout or stderr; may be repeated", "",
     Completes::kWords, "stdin stdout stderr"},
    kBlkioWeight,
    kBlkioWeightDevice,
    {"cap-add", 0, kCommaList, "CAP", "Add a capability, or ALL"},
    {"cap-drop", 0, kCommaList, "CAP", "Drop a capability, or ALL"},
    kCgroupConf,
    {"cgroup-parent", 0, kString, "SLICE", "Make the container's cgroup below this slice, or path"},
    {"cgroupns", 0, kString, "MODE", "Cgroup namespace: private or host", "", Completes::kWords,
     "private host"},
    {"cgroups", 0, kString, "MODE", "Cgroup of the container: enabled, disabled or split", "enabled",
     Completes::kWords, "enabled disabled split"},
    {"cidfile", 0, kString, "FILE", "Write the container's id into FILE, which must not exist", "",
     Completes::kFiles},
    {"conmon-pidfile", 0, kString, "FILE", "Write the process id of the container's monitor into FILE", "",
     Completes::kFiles},
    kCpuPeriod,
    kCpuQuota,
    kCpuShares,
    kCpus,
    kCpusetCpus,
    kCpusetMems,
    {"detach", 'd', kBool, "", "Run the container in the background and print its id"},
    {"detach-keys", 0, kString, "KEYS",
     "Keys that leave the container running: ctrl-LETTER or characters, by commas", "ctrl-p,ctrl-q"},
    {"device", 0, kList, "HOST[:CONTAINER]", "Give the container a device of the host that you may open", "",
     Completes::kFiles},
    kDeviceReadBps,
    kDeviceReadIops,
    kDeviceWriteBps,
    kDeviceWriteIops,
    {"dns", 0, kCommaList, "ADDRESS",
     "Ask this name server, or none: leave /etc/resolv.conf as the image has it"},
    {"dns-option", 0, kCommaList, "OPTION", "Set an option of /etc/resolv.conf"},
    {"dns-search", 0, kCommaList, "DOMAIN", "Look names up in this domain; a full stop: in none"},
    {"domainname", 0, kString, "NAME", "Set the container's NIS domain name"},
    {"entrypoint", 0, kString, "COMMAND",
     "Replace the image's entrypoint: a word, a JSON array, or \"\" for none"},
    {"env", 'e', kList, "NAME[=VALUE]", "Set an environment variable; without a value it is taken from here"},
    {"env-file", 0, kList, "FILE", "Read environment variables from FILE", "", Completes::kFiles},
    {"env-host", 0, kBool, "", "Pass all of our environment on, beneath the image's"},
    {"env-merge", 0, kList, "NAME=WORD", "Set an environment variable from others: PATH=/opt/bin:${PATH}"},
    {"expose", 0, kList, "PORT[-PORT][/PROTOCOL]", "Ports for --publish-all, besides those of the image"},
    {"gidmap", 0, kCommaList, "CONTAINER:FROM:AMOUNT", "Map group ids into the container"},
    {"group-add", 0, kCommaList, "GROUP", "Add a group to the process, or keep-groups for our own"},
    {"health-cmd", 0, kString, "COMMAND",
     "Check the container's health by COMMAND (for the shell, or a JSON array), or none"},
    {"health-interval", 0, kString, "TIME", "Time between two health checks, or disable"},
    {"health-on-failure", 0, kString, "ACTION",
     "What becomes of an unhealthy container: none, kill, restart or stop", "none", Completes::kWords,
     "none kill restart stop"},
    {"health-retries", 0, kInt, "N", "Failures in a row that make a container unhealthy"},
    {"health-start-period", 0, kString, "TIME", "Time to start in, in which failures do not count"},
    {"health-startup-cmd", 0, kString, "COMMAND", "Check by COMMAND first, until it succeeds"},
    {"health-startup-interval", 0, kString, "TIME", "Time between two startup checks"},
    {"health-startup-retries", 0, kInt, "N",
     "Failed startup checks in a row that count as unhealthy; 0: any number"},
    {"health-startup-success", 0, kInt, "N", "Startup checks that must succeed in a row"},
    {"health-startup-timeout", 0, kString, "TIME", "Time that a startup check may take"},
    {"health-timeout", 0, kString, "TIME", "Time that a health check may take"},
    {"hostname", 'h', kString, "NAME", "Set the container's host name"},
    {"image-volume", 0, kString, "MODE", "What the image's volumes become: anonymous, tmpfs or ignore",
     "anonymous", Completes::kWords, "anonymous bind tmpfs ignore"},
    {"init", 0, kBool, "", "Run an init that reaps processes and forwards signals"},
    {"interactive", 'i', kBool, "", "Give the container our standard input"},
    {"ip", 0, kString, "ADDRESS", "Address of IPv4 in the container's network"},
    {"ip6", 0, kString, "ADDRESS", "Address of IPv6 in the container's network"},
    {"ipc", 0, kString, "MODE", "IPC namespace: private, shareable, none, host or container:NAME", "",
     Completes::kWords, "private shareable none host container:"},
    {"label", 'l', kList, "KEY=VALUE", "Add a label to the container"},
    {"label-file", 0, kList, "FILE", "Read labels from FILE", "", Completes::kFiles},
    {"log-driver", 0, kString, "DRIVER", "Format of the log: k8s-file, json-file or none", "k8s-file",
     Completes::kWords, "k8s-file json-file none"},
    {"log-opt", 0, kList, "KEY=VALUE", "path=FILE, max-size=SIZE or max-file=N", "", Completes::kWords,
     "path= max-size= max-file="},
    {"mac-address", 0, kString, "ADDRESS", "Ethernet address of its interface in the container's network"},
    kMemory,
    kMemoryHigh,
    kMemoryReservation,
    kMemorySwap,
    kMemorySwappiness,
    {"mount", 0, kList, "type=TYPE,...", "Mount a volume, a host path (bind) or a tmpfs"},
    {"name", 0, kString, "NAME", "Name the container"},
    {"net", 0, kList, "MODE[:OPTIONS]", "The same as --network", "", Completes::kWords,
     "slirp4netns pasta none host container: ns:/"},
    {"network", 0, kList, "MODE[:OPTIONS]",
     "Network: slirp4netns, pasta, none, host, container:NAME, ns:PATH or a network's name", "",
     Completes::kWords, "slirp4netns pasta none host bridge container: ns:/"},
    {"network-alias", 0, kList, "NAME", "Another name of the container in its networks"},
    {"network-rate", 0, kString, "ingress=RATE,egress=RATE", "Limit what the container receives and sends"},
    {"no-healthcheck", 0, kBool, "", "Do not check the container's health"},
    {"no-hosts", 0, kBool, "", "Leave /etc/hosts as the image has it"},
    {"oom-kill-disable", 0, kBool, "",
     "Refused: cgroup v2 cannot switch the kernel's kill off for one container"},
    {"oom-score-adj", 0, kInt, "N",
     "Adjust the kernel's choice of what to kill when memory ends (-1000 to 1000)"},
    {"passwd", 0, kBool, "", "Give a user without an entry one in /etc/passwd", "true"},
    {"pid", 0, kString, "MODE", "PID namespace: private, host or container:NAME", "", Completes::kWords,
     "private host container:"},
    {"pidfile", 0, kString, "FILE", "Write the container's process id into FILE", "", Completes::kFiles},
    kPidsLimit,
    {"platform", 0, kString, "OS/ARCH", "Use the image for this platform"},
    {"publish", 'p', kList, "[[IP:]HOST:]CONTAINER[/PROTOCOL]",
     "Forward a port of the host, or a range, to the container"},
    {"publish-all", 'P', kBool, "", "Forward a free port of the host to each exposed port"},
    {"pull", 0, kString, "POLICY", "When to pull: always, missing, never, newer", "", Completes::kWords,
     "always missing never newer"},
    {"quiet", 'q', kBool, "", "Show no progress when pulling"},
    {"read-only", 0, kBool, "", "Make the container's root file system read-only"},
    {"read-only-tmpfs", 0, kBool, "", "With --read-only: a tmpfs on /run, /tmp and /var/tmp", "true"},
    {"replace", 0, kBool, "", "Remove a container of the same name first"},
    {"require", 0, kCommaList, "GUARANTEE",
     "Refuse to start where one of these does not hold: see wolffia doctor", "", Completes::kWords,
     kGuaranteeIds},
    {"restart", 0, kString, "POLICY",
     "Start it again when it ends: no, on-failure[:N], always, unless-stopped", "", Completes::kWords,
     "no on-failure always unless-stopped"},
    {"rm", 0, kBool, "", "Remove the container when it has ended"},
    {"rootfs", 0, kBool, "", "Use the directory given in place of IMAGE as the root file system"},
    {"seccomp-record", 0, kString, "FILE", "Write a seccomp profile of what the container used into FILE", "",
     Completes::kFiles},
    {"secret", 0, kList, "NAME[,OPTIONS]", "Hand a secret in, as a file or a variable"},
    {"security-opt", 0, kList, "OPTION",
     "seccomp=FILE, seccomp=unconfined, landlock=FILE, landlock=default, no-new-privileges or unmask=PATH",
     "", Completes::kWords,
     "landlock= landlock=default seccomp= seccomp=unconfined no-new-privileges unmask=ALL "
     "unmask=/sys/fs/cgroup"},
    {"shm-size", 0, kString, "SIZE", "Size of /dev/shm, for example 64m"},
    {"sig-proxy", 0, kBool, "", "Pass signals that we get on to the container", "true"},
    kSignaturePolicyOption,
    {"stop-signal", 0, kString, "SIGNAL", "Signal that asks the container to stop; the image's, or SIGTERM"},
    {"stop-timeout", 0, kInt, "SECONDS", "How long stop waits before SIGKILL; negative: for ever", "10"},
    {"storage-opt", 0, kList, "KEY=VALUE", "size=SIZE, inodes=N, or upper=kernel, fuse, auto or memory", "",
     Completes::kWords, "size= inodes= upper=auto upper=fuse upper=kernel upper=memory"},
    {"sysctl", 0, kList, "KEY=VALUE", "Set a kernel parameter of the container's namespaces"},
    {"systemd", 0, kString, "MODE",
     "Make the container fit for systemd: true (if it is its command), always or false", "true",
     Completes::kWords, "true always false"},
    {"timeout", 0, kInt, "SECONDS", "Kill the container when it has run for so long; 0: never", "0"},
    {"tmpfs", 0, kList, "DIR[:OPTIONS]", "Mount a tmpfs"},
    {"tty", 't', kBool, "", "Give the container a terminal"},
    {"tz", 0, kString, "ZONE", "Time zone: a name such as Europe/Paris, or local"},
    {"uidmap", 0, kCommaList, "CONTAINER:FROM:AMOUNT", "Map user ids into the container"},
    {"ulimit", 0, kCommaList, "NAME=SOFT[:HARD]", "Set a resource limit"},
    {"umask", 0, kString, "MODE", "The process's umask, in octal"},
    {"unsetenv", 0, kList, "NAME", "Take a variable out of the image's environment"},
    {"unsetenv-all", 0, kBool, "", "Take all variables out of the image's environment"},
    {"user", 'u', kString, "USER[:GROUP]", "Run as this user, by name or id"},
    {"userns", 0, kString, "MODE", "User namespace: auto, host, keep-id, nomap, private", "",
     Completes::kWords, "auto host keep-id nomap private"},
    {"uts", 0, kString, "MODE", "UTS namespace: private, host or container:NAME", "", Completes::kWords,
     "private host container:"},
    {"volume", 'v', kList, "[SOURCE:]CONTAINER[:OPTIONS]", "Mount a volume or a host path", "",
     Completes::kFiles},
    {"volumes-from", 0, kList, "CONTAINER[:OPTIONS]", "Mount what another container has mounted", "",
     Completes::kContainers},
    {"workdir", 'w', kString, "DIR", "Working directory inside the container"},
};

// What `run` does with the container once it is made.
constexpr bool IsOfRunAlone(std::string_view name) {
  return name == "detach" || name == "detach-keys" || name == "sig-proxy";
}

template <size_t N>
constexpr size_t CountOfCreate(const Option (&options)[N]) {
  size_t count = 0;
  for (const Option& option : options) count += IsOfRunAlone(option.name) ? 0 : 1;
  return count;
}

inline constexpr auto kCreate = [] {
  std::array<Option, CountOfCreate(kRun)> options{};
  size_t at = 0;
  for (const Option& option : kRun)
    if (!IsOfRunAlone(option.name)) options[at++] = option;
  return options;
}();

}  // namespace wolffia::table
