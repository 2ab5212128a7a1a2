// --require: a container that says which guarantees it needs does not start where one does not hold.
#pragma once

#include <string>
#include <vector>

#include "cmd/session.h"
#include "engine/oci/runtime_spec.h"
#include "storage/container_store.h"

namespace wolffia {

// Whether this host can hold them, tried now by wolffia-doctor; does nothing for an empty list. It has
// printed what is missing where it fails: the error has no sentence of its own.
Result<> CheckHost(const Command& command, const std::vector<std::string>& require);

// Whether the container's own flags leave what its annotation asks for. kUnsupported names the flag.
Result<> CheckConfiguration(const ContainerRecord& record, const RuntimeSpec& spec);

// Both, for a container that exists and is to be started.
Result<> CheckRequired(const Command& command, const Store& store, const ContainerRecord& record);

}  // namespace wolffia
