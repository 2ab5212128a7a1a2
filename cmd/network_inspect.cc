// wolffia network inspect, and network exists.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/network_view.h"
#include "cmd/report.h"
#include "storage/network_store.h"

namespace wolffia {

Result<int> NetworkInspectVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  NetworkStore networks(session.store);
  const std::string format = command.options().String("format");
  const bool json = format.empty() || format == "json";
  Value list = Value::array();
  int code = 0;
  for (const std::string& typed : command.line.arguments) {
    auto network = networks.Get(typed);
    if (network && json) {
      list.push_back(DescribeNetwork(*network));
    } else if (network) {
      Print(TRY(RenderValue(NetworkFields(*network), format)));
    } else {
      PrintError(std::move(network.error()).With("inspecting object: network " + typed));
      code = kExitEngine;
    }
  }
  if (json) Print(ToJsonText(list));
  return code;
}

Result<int> NetworkExistsVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto found = NetworkStore(session.store).Get(command.line.arguments[0]);
  if (!found && found.error().code != Code::kNotFound) return std::unexpected(std::move(found.error()));
  return found ? 0 : 1;
}

}  // namespace wolffia
