// Removing containers: kills one that runs where that is allowed, and removes files that belong to other ids
// of the container inside a user namespace. For `rm`, `rmi --force` and `run --rm`.
#pragma once

#include <map>
#include <string>

#include "engine/base/context.h"
#include "storage/container_store.h"

namespace wolffia {

struct RemoveOptions {
  bool force = false;      // one that runs is stopped first
  int64_t timeout_ms = 0;  // ... with so much time before SIGKILL; -1: its own, INT64_MAX: for ever
  bool volumes = false;    // its anonymous volumes go too; always those of one that is removed when it ends
};

// kBusy if it runs and is not to be stopped. kNotFound if it is gone.
Result<> RemoveContainer(const Context& context, const Store& store, const std::string& id,
                         const RemoveOptions& options);
inline Result<> RemoveContainer(const Context& context, const Store& store, const std::string& id,
                                bool force) {
  return RemoveContainer(context, store, id, RemoveOptions{.force = force});
}

// podman's refusal (kExists) of one whose namespaces other containers share, which have to go first:
// `sharers` are those of the store (ContainerStore::Sharers), as they were a moment ago.
Result<> CheckNotShared(const Store& store, const std::string& id,
                        const std::multimap<std::string, std::string>& sharers);

// Finishes what killed processes left half-done. Cheap when there is nothing; a failure is only logged,
// because it is not what the user asked for.
void SweepContainers(const Context& context, const Store& store);

// podman's exit code for what `rm` or `rmi` could not remove: 1 if it is not there, 2 if it is in use.
int RemovalExitCode(const Error& error);

}  // namespace wolffia
