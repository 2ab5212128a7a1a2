// LaunchJoin: the clone of a container's first process into namespaces of another container.
//
//   monitor                      between                              child
//   fork, reads the pid   -->    setns(pidfd), clone3(CLONE_PARENT) -->
//   reaps it              <--    reports the pid, ends                is the monitor's own child
//
// A process of its own has to join: whoever has joined a user namespace cannot come back.
#pragma once

#include "engine/base/process.h"
#include "engine/runtime/launch_child.h"

namespace wolffia {

// The caller must have one thread only.
Result<Child> CloneJoined(const LaunchPlan& plan, ChildMemory& memory, int socket);

}  // namespace wolffia
