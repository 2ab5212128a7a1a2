// LaunchJoin: the clone of a container's first process into namespaces that exist (another container's, or a
// network's), or below the user namespace of the user's networks (network/holder.h), whose holder may then
// give it interfaces.
//
//   monitor                      between                              child
//   fork, reads the pid   -->    setns, clone3(CLONE_PARENT)  -->
//                                below: writes the id maps
//   reaps it              <--    reports the pid, ends                is the monitor's own child
//
// A process of its own has to join: whoever has joined a user namespace cannot come back.
#pragma once

#include <linux/sched.h>

#include "engine/base/process.h"
#include "engine/runtime/launch_child.h"

namespace wolffia {

// So that the child is made in the plan's cgroup.
inline void EnterCgroup(const LaunchPlan& plan, clone_args& args) {
  if (plan.cgroup < 0) return;
  args.flags |= CLONE_INTO_CGROUP;
  args.cgroup = static_cast<uint64_t>(plan.cgroup);
}

// For a plan with `join` or `parent_user_namespace`. The caller must have one thread only. Of the latter the
// id maps are written.
Result<Child> CloneJoined(const LaunchPlan& plan, ChildMemory& memory, int socket);

}  // namespace wolffia
