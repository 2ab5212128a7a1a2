// What verbs ask the monitors of running containers, and what they say where a container is in another state.
#pragma once

#include <optional>
#include <vector>

#include "cmd/container_names.h"
#include "engine/runtime/control_client.h"

namespace wolffia {

// podman's words: "can only kill running containers. <ID> is in state exited: container state improper".
std::unexpected<Error> ImproperState(const ContainerStatus& status, const std::string& sentence);

// It has a monitor that answers: it runs, or will again.
bool HasMonitor(const ContainerStatus& status);

// Waits until the container as it is in `status` has ended: its lock is free, or another run of it holds it,
// or it is gone. kBusy after ten seconds.
Result<> AwaitEnd(const Store& store, const ContainerStatus& status);

// Asks the monitor; nullopt if the container has ended before it could answer, as it may at any time.
Result<std::optional<ControlMessage>> AskMonitor(const Store& store, const ContainerStatus& status,
                                                 const ControlMessage& request);

// Sends the request to all that have a monitor, and then waits for each: several take no longer than the
// slowest. For each its error, or whether it answered: false, if it does not run or has ended before.
// podman's warning where a stop had to be forced.
std::vector<Result<bool>> AskAll(const Command& command, const Store& store,
                                 const std::vector<ChosenOne>& containers,
                                 const std::function<ControlMessage(const ContainerStatus&)>& request);

// --time of stop, restart and rm as milliseconds: -1 if it was not given, INT64_MAX for ever.
int64_t TimeOption(const Command& command);

}  // namespace wolffia
