// What a container with user-defined networks asks of their holder (network/bridge_driver.h): read from its
// record, the store's networks, and the user's subordinate ids.
#pragma once

#include "engine/base/context.h"
#include "network/bridge_driver.h"
#include "storage/container_store.h"

namespace wolffia {

// kNotFound: a network has been removed. Context and store outlive the result.
Result<BridgeSetup> MakeBridgeSetup(const Context& context, const Store& store,
                                    const ContainerRecord& record);

}  // namespace wolffia
