// MountPlan: the part of a launch plan that makes the spec's mounts: sources opened as the user, file systems
// and binds in the spec's order, /dev and its nodes, masked and read-only paths. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/launch_step.h"

namespace wolffia {

struct MountPlan {
  std::vector<LaunchStep> sources;  // before BecomeRoot
  std::vector<LaunchStep> mounts;   // after OpenRoot
  int slot_count = 0;
  int null_slot = -1;  // the host's /dev/null
  bool slave = false;  // some mount follows the host's mounts
};

// `first_slot`: slots below it are taken.
Result<MountPlan> PlanMounts(const RuntimeSpec& spec, const HostFacts& host, const IdMaps& maps,
                             int first_slot);

// Masked and read-only paths, which come after the mounts and the sysctls.
std::vector<LaunchStep> PlanHiddenPaths(const RuntimeSpec& spec, int null_slot);

// "/a//b/./c/.." -> "/a/b"; always absolute.
std::string CleanPath(std::string_view path);

}  // namespace wolffia
