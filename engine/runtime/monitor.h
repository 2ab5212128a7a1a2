// Monitor: the one process that stays with a running container. It starts it (launcher.h), serves its layers,
// keeps its log, answers its clients (control_protocol.h), starts it again where its policy says so, and when
// it ends writes exit.json or removes the container. One thread and one loop (event_loop.h) besides those of
// the layers' server.
//
// Everything on disk is crash-only: killed at any moment, the monitor leaves a container that is created,
// crashed or exited, or something in tmp/. Its death kills the container (PR_SET_PDEATHSIG, and
// guard.h where that does not last).
//
// A SIGTERM, SIGINT or SIGHUP of its own stops the container, as `wolffia stop` does. A queued SIGRTMAX with
// kRebindMagic makes it bind its socket again: somebody has wiped the runtime directory.
#pragma once

#include <optional>

#include "engine/base/context.h"
#include "engine/base/fd.h"
#include "engine/runtime/launch_plan.h"

namespace wolffia {

inline constexpr int kMonitorControl = 3, kMonitorLock = 4;  // descriptors that it is started with

struct MonitorOptions {
  Fd control;                              // of the first client
  Fd lock;                                 // the container's, held
  std::optional<LaunchPlan::Fault> fault;  // tests: forces the failure of a step
};

// Runs to the end of the container. The exit code is for service managers (generate systemd): the
// container's, 0 of one that was stopped on purpose or never began, 1 where not even that could be told.
int RunMonitor(Context& context, MonitorOptions options);

}  // namespace wolffia
