// ContainerStart: from a container's directory to its running first process, in the monitor: reads record and
// spec, opens the layers, makes the plan, launches it and serves the root.
#pragma once

#include <memory>

#include "engine/base/context.h"
#include "engine/runtime/launcher.h"
#include "engine/runtime/monitor_protocol.h"
#include "engine/runtime/root_server.h"
#include "storage/container_store.h"

namespace wolffia {

struct RunningContainer {
  RootServer server;  // destroyed after the child, which may wait for an answer of it
  Child child;
  Fd user_namespace;
};

// Standard input, output and error of this process go to the container and are /dev/null afterwards.
Result<RunningContainer> StartContainer(const Context& context, const Store& store,
                                        const ContainerStatus& container, const StartRequest& request,
                                        std::optional<LaunchPlan::Fault> fault);

}  // namespace wolffia
