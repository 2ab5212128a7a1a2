#include "network/forward_address.h"

#include <cstring>

namespace wolffia {
namespace {

bool IsSet(const in_addr& ip) {
  return ip.s_addr != 0;
}
bool IsSet(const in6_addr& ip) {
  return !IN6_IS_ADDR_UNSPECIFIED(&ip);
}

bool CanBeShown(const in_addr& ip, const ForwardTarget& target) {
  const uint32_t host = ntohl(ip.s_addr);
  return host >> 24 != 0 && host >> 24 != 127 && host >> 28 < 14 && ip.s_addr != target.ip.s_addr;
}

bool CanBeShown(const in6_addr& ip, const ForwardTarget& target) {
  return IsSet(ip) && !IN6_IS_ADDR_LOOPBACK(&ip) && !IN6_IS_ADDR_LINKLOCAL(&ip) &&
         !IN6_IS_ADDR_MULTICAST(&ip) && !IN6_ARE_ADDR_EQUAL(&ip, &target.ip6);
}

ForwardAddress Address(const in_addr& ip, uint16_t port) {
  ForwardAddress address;
  address.v4.sin_family = AF_INET;
  address.v4.sin_addr = ip;
  address.v4.sin_port = htons(port);
  return address;
}

ForwardAddress Address(const in6_addr& ip, uint16_t port) {
  ForwardAddress address;
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_addr = ip;
  address.v6.sin6_port = htons(port);
  return address;
}

template <typename Ip>
ForwardRoute RouteTo(const Ip& destination, const Ip& gateway, const Ip* client, uint16_t client_port,
                     uint16_t container_port, const ForwardTarget& target) {
  ForwardRoute route;
  route.destination = Address(destination, container_port);
  route.other_family = client == nullptr;
  route.kept = client != nullptr && CanBeShown(*client, target);
  if (route.kept)
    route.source = Address(*client, client_port);
  else if (IsSet(gateway))
    route.source = Address(gateway, client_port);
  return route;
}

// ::ffff:1.2.3.4 as 1.2.3.4.
ForwardAddress Unmapped(const ForwardAddress& client) {
  if (client.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&client.v6.sin6_addr)) return client;
  in_addr ip;
  memcpy(&ip, &client.v6.sin6_addr.s6_addr[12], sizeof ip);
  return Address(ip, client.port());
}

}  // namespace

ForwardRoute RouteFor(const ForwardAddress& typed, uint16_t container_port, const ForwardTarget& target,
                      bool ipv4_only) {
  const ForwardAddress client = Unmapped(typed);
  const bool ipv6 = client.any.sa_family == AF_INET6;
  const bool has4 = IsSet(target.ip), has6 = IsSet(target.ip6) && !ipv4_only;
  const in_addr* ip = ipv6 ? nullptr : &client.v4.sin_addr;
  const in6_addr* ip6 = ipv6 ? &client.v6.sin6_addr : nullptr;
  if (has6 && (ipv6 || !has4))
    return RouteTo(target.ip6, target.gateway6, ip6, client.port(), container_port, target);
  if (has4) return RouteTo(target.ip, target.gateway, ip, client.port(), container_port, target);
  ForwardRoute none;
  none.possible = false;
  return none;
}

}  // namespace wolffia
