// The networks of a container as `inspect` describes them: with addresses, if it runs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/inspect.h"
#include "network/network_record.h"

namespace wolffia {
namespace {

void PutAddresses(Value& value, const InterfaceState& interface) {
  value["EndpointID"] = "";
  value["Gateway"] = interface.gateway;
  value["IPAddress"] = interface.ip;
  value["IPPrefixLen"] = interface.prefix;
  value["IPv6Gateway"] = interface.gateway6;
  value["GlobalIPv6Address"] = interface.ip6;
  value["GlobalIPv6PrefixLen"] = interface.prefix6;
  value["MacAddress"] = interface.mac;
}

}  // namespace

void DescribeNetworks(const ContainerDetails& details, Value& settings) {
  const NetworkConfig& config = details.status.record.network_config;
  Value networks = Value::object();
  for (const NetworkUse& use : config.networks) {
    const auto& interfaces = details.network.interfaces;
    auto interface = std::ranges::find(interfaces, use.network, &InterfaceState::network);
    const InterfaceState shown = interface == interfaces.end() ? InterfaceState() : *interface;
    Value network = Value::object();
    PutAddresses(network, shown);
    network["NetworkID"] = use.network;
    for (const char* name : {"DriverOpts", "IPAMConfig", "Links"}) network[name] = nullptr;
    std::vector<std::string> aliases = use.aliases;
    aliases.push_back(details.status.record.id.substr(0, 12));
    network["Aliases"] = aliases;
    networks[use.network] = std::move(network);
    // As podman: of the one default network here, too.
    if (config.networks.size() == 1 && use.network == kDefaultNetwork) PutAddresses(settings, shown);
  }
  settings["Networks"] = std::move(networks);
}

}  // namespace wolffia
