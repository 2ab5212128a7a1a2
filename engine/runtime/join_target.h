// JoinTarget of a container: whose namespaces it shares, found anew at each start: those of another container
// (--pid=container:NAME and its like, --network too), by its id, or a network (--network ns:PATH), by its
// path. Every container has a user namespace of its own, and only with rights in that can its others be
// joined: so the new container lives in the target's user namespace too.
#pragma once

#include <optional>

#include "engine/runtime/launch_plan.h"
#include "storage/container_store.h"

namespace wolffia {

struct JoinedNamespaces {
  Fd init;  // pidfd of the other container's first process
  Fd user, network;
  uint64_t flags = 0;
  JoinTarget Target() const { return {init.get(), flags, user.get(), network.get()}; }
};

// nullopt: the record shares nobody's. kBusy in podman's words unless that container runs, kNotFound if it is
// gone; kInvalid if the namespace at the path has not the id maps of the spec, which the container's files
// have.
Result<std::optional<JoinedNamespaces>> OpenJoinTarget(const Store& store, const ContainerRecord& record,
                                                       const RuntimeSpec& spec);

}  // namespace wolffia
