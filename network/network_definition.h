// From what a user asks for to a network: names, subnets, gateways and ranges are checked, and what is left
// open is chosen so that it overlaps nothing. Pure.
#pragma once

#include "engine/base/result.h"
#include "network/ip_address.h"
#include "network/network_record.h"

namespace wolffia {

// kInvalid (podman's words) unless it matches [a-zA-Z0-9][a-zA-Z0-9_.-]*, and is no mode of --network.
Result<> CheckNetworkName(std::string_view name);

struct NetworkWish {
  std::string name;  // empty: the first free "wolffia1", "wolffia2", ...
  std::vector<std::string> subnets, gateways,
      ranges;  // gateways and ranges belong to the subnets in their order
  bool ipv6 = false, internal = false, dns = true;
  std::map<std::string, std::string> labels, options;
};

// What is taken: by other networks, and by routes of the host (packets to them would not leave the network).
struct NetworkSurroundings {
  std::vector<NetworkRecord> networks;
  std::vector<IpPrefix> routes;
};

// All but id and time. kInvalid in podman's words; kNoSpace: no subnet is free. `random`: 64 bits, for IPv6.
Result<NetworkRecord> DefineNetwork(const NetworkWish& wish, const NetworkSurroundings& around,
                                    uint64_t random);

// --network bridge: 10.88.0.0/16, no names, as podman's.
NetworkRecord DefaultNetwork();

// The MTU of its interfaces.
int MtuOf(const NetworkRecord& network);
// True unless it was made with isolate=false: its containers cannot reach those of other networks.
bool IsIsolated(const NetworkRecord& network);

}  // namespace wolffia
