// A container's network at its start, in the monitor: what its record says, and the files that come of it.
#pragma once

#include <memory>

#include "network/container_network.h"
#include "storage/container_store.h"

namespace wolffia {

// Prepared, and /etc/hosts and /etc/resolv.conf of the container's directory are as it will be. nullptr: it
// needs nothing of us.
Result<std::unique_ptr<ContainerNetwork>> PrepareNetwork(const Context& context, const Store& store,
                                                         const ContainerRecord& record,
                                                         const std::string& hostname);

// The network can be used, and network.json says what it is.
Result<> FinishNetwork(const Store& store, const std::string& id, ContainerNetwork& network);

// Its record names other networks than it has, or another name of the container: it gets what the record
// says, and network.json and the files of the container's directory follow. On an error it has what it had.
Result<> ChangeNetwork(const Context& context, const Store& store, const std::string& id,
                       ContainerNetwork& network);

}  // namespace wolffia
