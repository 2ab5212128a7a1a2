// What a container's own configuration makes of the guarantees: what the host can hold a flag may give up,
// and what the launch of a container does, or fails, holds once it runs. Pure, and small: the front end has
// it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "storage/container_store.h"

namespace wolffia {

// Why a container so configured does not have the guarantee, whatever the host can do; empty: nothing speaks
// against it.
std::string GivenUp(std::string_view id, const ContainerRecord& record, const RuntimeSpec& spec);

// The guarantees that a container which has been started so has for sure: a start that cannot set them up
// fails.
std::vector<std::string> HeldByStart(const ContainerRecord& record, const RuntimeSpec& spec);

}  // namespace wolffia
