// JoinTarget of a container: the one whose namespaces it shares (--pid=container:NAME and its like, --network too), found
// anew at each start, by its id. Every container has a user namespace of its own, and only with rights in
// that can its others be joined: so the new container lives in the target's user namespace too.
#pragma once

#include <optional>

#include "engine/runtime/launch_plan.h"
#include "storage/container_store.h"

namespace wolffia {

struct JoinedContainer {
  Fd init;  // pidfd of its first process
  JoinTarget Target() const { return {init.get(), flags}; }
  uint64_t flags = 0;
};

// nullopt: the record shares nobody's. kBusy in podman's words unless that container runs, kNotFound if it is
// gone.
Result<std::optional<JoinedContainer>> OpenJoinTarget(const Store& store, const ContainerRecord& record);

}  // namespace wolffia
