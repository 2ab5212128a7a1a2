// LaunchJoin: the clone of a container's first process into namespaces of another container, or below the
// user namespace of the user's networks (network/holder.h), whose holder may then give it interfaces.
//
//   monitor                      between                              child
//   fork, reads the pid   -->    setns, clone3(CLONE_PARENT)  -->
//                                below: writes the id maps
//   reaps it              <--    reports the pid, ends                is the monitor's own child
//
// A process of its own has to join: whoever has joined a user namespace cannot come back.
#pragma once

#include "engine/base/process.h"
#include "engine/runtime/launch_child.h"

namespace wolffia {

// For a plan with `join` or `parent_user_namespace`. The caller must have one thread only. Of the latter the
// id maps are written.
Result<Child> CloneJoined(const LaunchPlan& plan, ChildMemory& memory, int socket);

}  // namespace wolffia
