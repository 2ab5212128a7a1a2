#include "cmd/network_removal.h"

#include "engine/runtime/events.h"
#include "storage/network_store.h"

namespace wolffia {

void WriteNetworkEvent(const Context& context, const Store& store, const char* status,
                       const NetworkRecord& network) {
  Event event;
  event.time_ns = context.now();
  event.type = "network";
  event.status = status;
  event.id = network.id;
  event.name = network.name;
  WriteEvent(store, event);
}

Result<> RemoveNetwork(const Context& context, const Store& store, const NetworkRecord& network) {
  TRY(NetworkStore(store).Remove(network.name));
  WriteNetworkEvent(context, store, "remove", network);
  return {};
}

}  // namespace wolffia
