// The host's own addresses, as its routes have them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "network/ip_address.h"
#include "network/netlink.h"

namespace wolffia {

struct InterfaceAddress {
  int index = 0;        // of the interface
  std::string address;  // numeric
  int prefix = 0;
  bool ipv6 = false;
};

// Of all interfaces of the socket's network namespace, with global scope, in the kernel's order.
Result<std::vector<InterfaceAddress>> GlobalAddresses(NetlinkSocket& socket);

struct DefaultRoute {
  int interface = 0;    // index
  std::string gateway;  // empty: none
};
// The one with the least metric, of AF_INET or AF_INET6; nullopt: there is none.
Result<std::optional<DefaultRoute>> FindDefaultRoute(NetlinkSocket& socket, int family);

// The interface that connections to `address` leave by; of one of the host's own, the interface that has it.
// nullopt: there is no way there, or it is the loopback.
std::optional<int> FindInterfaceTo(NetlinkSocket& socket, const IpAddress& address);

// How containers reach the host: the first IPv4 address of the interface with the default route, else any;
// empty: none.
std::string HostAddress();

}  // namespace wolffia
