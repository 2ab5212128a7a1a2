#include "cmd/new_networks.h"

#include <algorithm>

#include "network/address_pool.h"
#include "network/mac_address.h"
#include "storage/network_store.h"

namespace wolffia {
namespace {

Result<> CheckAddress(const NetworkRecord& network, const std::string& text) {
  if (text.empty()) return {};
  auto address = ParseIp(text);
  if (!address) return Fail(Code::kInvalid, "\"" + text + "\" is no IP address");
  for (const NetworkSubnet& subnet : network.subnets) {
    AddressPool pool = TRY(AddressPool::Of(subnet));
    if (pool.prefix().address.v6 == address->v6 && pool.Take(text)) return {};
  }
  return Fail(Code::kInvalid, "requested static ip " + text + " not in any subnet on network " +
                                  network.name + ", or not for containers");
}

}  // namespace

Result<> ReadNetworkUseFlags(const OptionValues& options, NetworkConfig& config) {
  const std::string ip = options.String("ip"), ip6 = options.String("ip6"),
                    mac = options.String("mac-address");
  const std::vector<std::string> aliases = options.List("network-alias");
  if (ip.empty() && ip6.empty() && mac.empty() && aliases.empty()) return {};
  if (config.mode != "bridge")
    return Fail(
        Code::kInvalid,
        "networks and static ip/mac address can only be used with Bridge mode networking: invalid argument");
  if (config.networks.size() != 1 && !(ip.empty() && ip6.empty() && mac.empty()))
    return Fail(Code::kInvalid,
                "--ip, --ip6 and --mac-address can only be set for a single network: give them with "
                "--network NAME:ip=,mac=");
  NetworkUse& first = config.networks[0];
  if (!ip.empty()) first.ip = ip;
  if (!ip6.empty()) first.ip6 = ip6;
  if (!mac.empty()) first.mac = mac;
  for (NetworkUse& use : config.networks)
    use.aliases.insert(use.aliases.end(), aliases.begin(), aliases.end());
  return {};
}

Result<> CheckNetworkUse(const NetworkRecord& network, const NetworkUse& use) {
  TRY(CheckAddress(network, use.ip));
  TRY(CheckAddress(network, use.ip6));
  if (auto mac = ParseMac(use.mac); !use.mac.empty() && !(mac && IsUnicast(*mac)))
    return Fail(Code::kInvalid,
                "\"" + use.mac + "\" is no MAC address of an interface, as 02:42:0a:59:00:02");
  // Without a resolver nobody would know them.
  if (!use.aliases.empty() && !network.dns_enabled)
    return Fail(Code::kInvalid, "cannot set network aliases for network \"" + network.name +
                                    "\" because dns is disabled: invalid argument");
  return {};
}

Result<> ResolveNetworks(const Store& store, NetworkConfig& config) {
  NetworkStore networks(store);
  for (NetworkUse& use : config.networks) {
    const NetworkRecord network = TRY(networks.Get(use.network));
    use.network = network.name;
    if (std::ranges::count(config.networks, use.network, &NetworkUse::network) > 1)
      return Fail(Code::kInvalid, "network " + use.network + " is given more than once");
    TRY(CheckNetworkUse(network, use));
  }
  return {};
}

}  // namespace wolffia
