// Monitor: the one process that stays with a running container. It starts it (launcher.h), serves its layers,
// forwards signals to it, and when it ends writes exit.json or removes the container. One thread until the
// container's first process exists, then the threads of the layers' server and one poll loop.
//
// Everything on disk is crash-only: killed at any moment, the monitor leaves a container that is created,
// crashed or exited, or something in tmp/. Its death kills the container (PR_SET_PDEATHSIG, and
// guard.h where that does not last).
#pragma once

#include <optional>

#include "engine/base/context.h"
#include "engine/base/fd.h"
#include "engine/runtime/launch_plan.h"

namespace wolffia {

struct MonitorOptions {
  Fd control;                              // of monitor_protocol.h
  Fd lock;                                 // the container's, held
  std::optional<LaunchPlan::Fault> fault;  // tests: forces the failure of a step
};

// Runs to the end of the container. The exit code is the monitor's own: 0 unless it could not even report.
int RunMonitor(Context& context, MonitorOptions options);

}  // namespace wolffia
