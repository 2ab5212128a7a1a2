// Resources: limits that hold for a container, and what is counted for it.
#include <unistd.h>

#include "engine/cgroup/limit_support.h"
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"

namespace wolffia {
namespace {

CgroupHost HostCgroups(HostTrial& host) {
  return CgroupHost::Detect(host.context(), CgroupHost::Wish{}, getuid());
}

// The words are those of the error that run has for a limit that cannot hold.
Finding Controller(HostTrial& host, std::string_view controller) {
  const LimitVerdict verdict = SupportOf(HostCgroups(host), controller);
  if (verdict.holds) return Holds();
  if (verdict.remedy.empty()) return Lost(verdict.reason);
  return HoldsIf(verdict.reason, verdict.remedy, verdict.who == "you" ? Who::kYou : Who::kAdministrator);
}
Finding Memory(HostTrial& host) {
  return Controller(host, "memory");
}
Finding Cpu(HostTrial& host) {
  return Controller(host, "cpu");
}
Finding Cpuset(HostTrial& host) {
  return Controller(host, "cpuset");
}
Finding Io(HostTrial& host) {
  return Controller(host, "io");
}
Finding Pids(HostTrial& host) {
  return Controller(host, "pids");
}

Finding Devices(HostTrial&) {
  return Lost("the device controller is a BPF program that only root may attach to a control group");
}

// wolffia's own overlay counts; it needs FUSE, as every container does.
Finding DiskQuota(HostTrial& host) {
  return FindGuarantee("root-file-system")->probe(host);
}

Finding NetworkRate(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  const std::string& problem = host.InWorld().rate_problem;
  return problem.empty() ? Holds() : FindingOf(problem);
}

Finding Accounting(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  if (!host.InWorld().stays_in_cgroup)
    return Lost("a new process was moved out of the control group that it came from");
  if (HostCgroups(host).way != CgroupHost::Way::kSystemd) return Holds();
  return HoldsIf("the user's systemd gives each container a scope beside the session that starts it",
                 "ask for a control group below the own one: --cgroups=split", Who::kYou);
}

constexpr std::string_view kDelegated =
    "the same, below a control group that systemd or the administrator has delegated to the user";
constexpr std::string_view kController = "control groups of version 2, with this controller delegated";
constexpr std::string_view kRefused = "a limit that is asked for and cannot hold is an error that says why";

constexpr Guarantee kRows[] = {
    {.id = "resource-memory",
     .title = "A limit of memory holds",
     .rootful = "memory.max of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Memory},
    {.id = "resource-swap",
     .title = "A limit of swap holds",
     .rootful = "memory.swap.max of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Memory},
    {.id = "resource-cpu",
     .title = "A limit and a share of processor time hold",
     .rootful = "cpu.max and cpu.weight of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Cpu},
    {.id = "resource-cpuset",
     .title = "A container can be kept to some processors and memory nodes",
     .rootful = "cpuset.cpus and cpuset.mems of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Cpuset},
    {.id = "resource-io",
     .title = "Limits and shares of disk traffic hold",
     .rootful = "io.max and io.weight of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Io},
    {.id = "resource-pids",
     .title = "A limit of processes holds",
     .rootful = "pids.max of a control group",
     .mechanism = kDelegated,
     .needs = kController,
     .instead = kRefused,
     .attainable = true,
     .probe = Pids},
    {.id = "resource-oom-group",
     .title = "Where memory ends, a container is killed as a whole",
     .rootful = "memory.oom.group of a control group",
     .mechanism = "the same on request (--cgroup-conf memory.oom.group=1), where the memory controller is "
                  "delegated to the user",
     .needs = kController,
     .instead = "--oom-score-adj says which processes are killed first; where the container's first process "
                "is killed, all end",
     .attainable = true,
     .probe = Memory},
    {.id = "resource-devices",
     .title = "Devices that a container sees can be forbidden to it",
     .rootful = "the device controller of control groups",
     .mechanism = "",
     .needs = "",
     .instead =
         "a container sees only the devices that it was given, and opens only those that the user may open",
     .attainable = false,
     .probe = Devices},
    {.id = "resource-accounting",
     .title = "What a container uses is counted for the job that started it",
     .rootful = "not where a daemon starts it: it leaves the job's control group",
     .mechanism = "containers are children of the command that starts them, and stay in its control group "
                  "(Slurm, PBS, a CI job)",
     .needs = "--cgroups=split where the user's systemd would give the container a scope of its own",
     .instead = "the scope lies in the user's own slice, and is counted there",
     .attainable = true,
     .probe = Accounting},
    {.id = "disk-quota-bytes",
     .title = "A limit of the bytes that a container writes into its root holds",
     .rootful = "project quotas of xfs, where they are set up",
     .mechanism = "wolffia's own overlay in FUSE counts and answers ENOSPC (--storage-opt size=), or the "
                  "size of a tmpfs (upper=memory)",
     .needs = "the same as root-file-system",
     .instead = "",
     .attainable = true,
     .probe = DiskQuota},
    {.id = "disk-quota-inodes",
     .title = "A limit of the files that a container makes in its root holds",
     .rootful = "project quotas of xfs, where they are set up",
     .mechanism = "the same as disk-quota-bytes (--storage-opt inodes=)",
     .needs = "the same as root-file-system",
     .instead = "",
     .attainable = true,
     .probe = DiskQuota},
    {.id = "network-rate",
     .title = "A limit of what a container sends and receives holds",
     .rootful = "tc(8) on the bridge; few engines have a flag for it",
     .mechanism = "token buckets in the container's network namespace (--network-rate); tried on one",
     .needs = "a kernel with tbf, ifb and mirred, and a network of the container's own without bypass=on",
     .instead = "an error that says what is missing",
     .attainable = true,
     .probe = NetworkRate},
};

}  // namespace

std::span<const Guarantee> ResourceGuarantees() {
  return kRows;
}

}  // namespace wolffia
