// wolffia network connect.
#include <algorithm>

#include "cmd/dispatch.h"
#include "cmd/network_change.h"
#include "cmd/new_networks.h"

namespace wolffia {

Result<int> NetworkConnectVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const NetworkAndContainer chosen = TRY(ReadNetworkAndContainer(command, session.store));
  const NetworkUse use{.network = chosen.network.name,
                       .aliases = options.List("alias"),
                       .ip = options.String("ip"),
                       .ip6 = options.String("ip6"),
                       .mac = options.String("mac-address"),
                       .interface = {}};
  TRY(CheckNetworkUse(chosen.network, use));
  const auto& has = chosen.container.record.network_config.networks;
  if (std::ranges::find(has, use.network, &NetworkUse::network) != has.end()) return 0;  // as podman
  auto add = [&](NetworkConfig& config) -> Result<> {
    std::erase_if(config.networks, [&](const NetworkUse& other) { return other.network == use.network; });
    config.networks.push_back(use);
    return {};
  };
  auto take_back = [&](NetworkConfig& config) -> Result<> {
    std::erase(config.networks, use);
    return {};
  };
  TRY(ChangeNetworks(command, session.store, chosen, "connect", add, take_back));
  return 0;
}

}  // namespace wolffia
