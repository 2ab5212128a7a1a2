// Changes of a container's record after it was made: its name, its networks. Each holds
// containers/<id>/edit.lock, which is taken for milliseconds and never before the container's own lock.
#pragma once

#include <functional>
#include <string>

#include "network/parts.h"
#include "storage/container_store.h"

namespace wolffia {

// Whatever its state. kExists names the holder of the new name, kInvalid says that it is no name, kNotFound
// that the container is gone. After a crash in the middle the container has exactly one of the two names.
Result<> RenameContainer(const Store& store, const std::string& id, const std::string& new_name);

// Whatever its state. Nothing is written if `change` fails. kNotFound: the container is gone. Not its name or id.
Result<> ChangeContainer(const Store& store, const std::string& id,
                         const std::function<Result<>(ContainerRecord&)>& change);
// The same of its networks.
Result<> ChangeContainerNetwork(const Store& store, const std::string& id,
                                const std::function<Result<>(NetworkConfig&)>& change);

}  // namespace wolffia
