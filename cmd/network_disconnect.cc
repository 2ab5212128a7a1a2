// wolffia network disconnect.
#include <algorithm>

#include "cmd/dispatch.h"
#include "cmd/network_change.h"

namespace wolffia {

Result<int> NetworkDisconnectVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const NetworkAndContainer chosen = TRY(ReadNetworkAndContainer(command, session.store));
  const auto& has = chosen.container.record.network_config.networks;
  const bool member = std::ranges::find(has, chosen.network.name, &NetworkUse::network) != has.end();
  if (!member && command.options().Bool("force")) return 0;
  NetworkUse use;
  ptrdiff_t place = 0;
  auto take = [&](NetworkConfig& config) -> Result<> {
    auto found = std::ranges::find(config.networks, chosen.network.name, &NetworkUse::network);
    if (found == config.networks.end())
      return Fail(Code::kInvalid, "container " + command.line.arguments[1] + " is not connected to network " +
                                      chosen.network.name);
    use = *found;
    place = found - config.networks.begin();
    config.networks.erase(found);
    return {};
  };
  auto put_back = [&](NetworkConfig& config) -> Result<> {
    place = std::min(place, std::ssize(config.networks));
    config.networks.insert(config.networks.begin() + place, use);
    return {};
  };
  TRY(ChangeNetworks(command, session.store, chosen, "disconnect", take, put_back));
  return 0;
}

}  // namespace wolffia
