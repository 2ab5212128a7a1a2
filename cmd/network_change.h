// Changing the networks of a container that exists: connect and disconnect.
#pragma once

#include <functional>

#include "cmd/session.h"
#include "storage/container_store.h"
#include "storage/network_store.h"

namespace wolffia {

// The network and the container of `network connect NETWORK CONTAINER`. kInvalid in podman's words: the
// container has no user-defined networks; kNotFound: one of the two does not exist.
struct NetworkAndContainer {
  NetworkRecord network;
  ContainerStatus container;
};
Result<NetworkAndContainer> ReadNetworkAndContainer(const Command& command, const Store& store);

using NetworkChange = std::function<Result<>(NetworkConfig&)>;

// `change` of the container's record; if it runs, of what it has too. Where that cannot be, `undo` takes the
// change back. An event of the network, `status`, tells of it.
Result<> ChangeNetworks(const Command& command, const Store& store, const NetworkAndContainer& chosen,
                        const char* status, const NetworkChange& change, const NetworkChange& undo);

}  // namespace wolffia
