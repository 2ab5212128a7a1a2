// Networks that come and go, as events tell.
#pragma once

#include "engine/base/context.h"
#include "network/network_record.h"
#include "storage/store.h"

namespace wolffia {

void WriteNetworkEvent(const Context& context, const Store& store, const char* status,
                       const NetworkRecord& network);

// Removes it and says so. Errors as NetworkStore::Remove.
Result<> RemoveNetwork(const Context& context, const Store& store, const NetworkRecord& network);

}  // namespace wolffia
