#include "cmd/network_change.h"

#include "cmd/container_control.h"
#include "engine/runtime/events.h"
#include "storage/container_edit.h"

namespace wolffia {

Result<NetworkAndContainer> ReadNetworkAndContainer(const Command& command, const Store& store) {
  const auto& typed = command.line.arguments;
  ContainerStore containers(store);
  NetworkAndContainer chosen;
  chosen.container = TRY(containers.Get(TRY(containers.Lookup(typed[1]))));
  const std::string& mode = chosen.container.record.network_config.mode;
  if (mode != "bridge")
    return Fail(Code::kInvalid, "\"" + mode + "\" is not supported: invalid network mode");
  chosen.network = TRY(NetworkStore(store).Get(typed[0]));
  return chosen;
}

Result<> ChangeNetworks(const Command& command, const Store& store, const NetworkAndContainer& chosen,
                        const char* status, const NetworkChange& change, const NetworkChange& undo) {
  const std::string& id = chosen.container.record.id;
  TRY(ChangeContainerNetwork(store, id, change));
  // Looked at after the record was written: one that starts now has read it, or is asked.
  const ContainerStatus now = TRY(ContainerStore(store).Get(id));
  if (HasMonitor(now)) {
    auto changed = AskMonitor(store, now, NetworkRequest{});
    if (!changed) {
      (void)ChangeContainerNetwork(store, id, undo);
      return std::unexpected(std::move(changed.error()));
    }
  }
  Event event;
  event.time_ns = command.context.now();
  event.type = "network";
  event.status = status;
  event.id = id;
  event.name = chosen.network.name;
  event.attributes["container"] = id;
  WriteEvent(store, event);
  return {};
}

}  // namespace wolffia
