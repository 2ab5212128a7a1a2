// Removing containers: kills one that runs where that is allowed, and removes files that belong to other ids
// of the container inside a user namespace. For `rm`, `rmi --force` and `run --rm`.
#pragma once

#include <string>

#include "engine/base/context.h"
#include "storage/container_store.h"

namespace wolffia {

// kBusy if it runs and `force` is not set. kNotFound if it is gone.
Result<> RemoveContainer(const Context& context, const Store& store, const std::string& id, bool force);

// Finishes what killed processes left half-done. Cheap when there is nothing; a failure is only logged,
// because it is not what the user asked for.
void SweepContainers(const Context& context, const Store& store);

// podman's exit code for what `rm` or `rmi` could not remove: 1 if it is not there, 2 if it is in use.
int RemovalExitCode(const Error& error);

}  // namespace wolffia
