// The end of a launch plan: from a process in its namespaces to the container's program, with the limits, the
// ids and the privileges that its spec gives it. Shared by the start of a container and by exec. Pure.
#pragma once

#include <vector>

#include "engine/landlock/ruleset.h"
#include "engine/oci/runtime_spec.h"
#include "engine/runtime/id_map.h"
#include "engine/runtime/launch_step.h"

namespace wolffia {

// kInvalid, kUnsupported: a process that no plan can make, whatever the host is.
Result<> CheckProcess(const SpecProcess& process, const IdMaps& maps);

// The annotation that crun has for it: the user's own groups stay (--group-add keep-groups).
bool KeepsGroups(const RuntimeSpec& spec);

// Of a terminal's device: "tty" of every distribution where it is mapped, so that write(1) works; else the
// user's.
uint32_t TerminalGroup(const IdMaps& maps, uint32_t gid);

Result<std::vector<LaunchStep>> PlanLimits(const SpecProcess& process);

// What the process gives up and what it keeps, in the only order that works.
struct PrivilegePlan {
  const SpecProcess& process;
  const IdMaps& maps;
  std::vector<sock_filter> seccomp;  // empty: none
  std::vector<std::string> seccomp_flags;
  std::vector<sock_filter> notifier;  // of the fast path or of a recorder; empty: none
  uint64_t notifier_pass = 0;
  LandlockRuleset landlock;           // empty: none
  bool keep_groups = false;
};
Result<std::vector<LaunchStep>> PlanPrivileges(PrivilegePlan plan);

// Closes what is open and executes: always last.
std::vector<LaunchStep> PlanExecute(const SpecProcess& process);

}  // namespace wolffia
