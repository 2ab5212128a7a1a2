// Starting a container that exists: what start, restart and init share.
#pragma once

#include <optional>

#include "cmd/foreground.h"
#include "storage/container_store.h"

namespace wolffia {

// nullopt if it has a monitor already. Waits for one whose root is held for a copy (cp, diff, export).
Result<std::optional<StartedContainer>> LaunchIfStopped(const Command& command, const Store& store,
                                                        const ContainerStatus& status,
                                                        const std::optional<AttachOptions>& options,
                                                        StartMode mode = StartMode::kRun);

// In the background; one that is only initialized begins. No error if it runs.
Result<> LaunchInBackground(const Command& command, const Store& store, const ContainerStatus& status);

}  // namespace wolffia
