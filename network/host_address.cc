#include "network/host_address.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

namespace wolffia {
namespace {

constexpr int kLoopback = 1;  // its index, in every network namespace

std::string TextOf(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() != (family == AF_INET ? 4U : 16U)) return "";
  return inet_ntop(family, bytes.data(), text, sizeof text) != nullptr ? text : "";
}

}  // namespace

Result<std::vector<InterfaceAddress>> GlobalAddresses(NetlinkSocket& socket) {
  NetlinkMessage message;
  message.Start(RTM_GETADDR, 0).Put(ifaddrmsg{});
  std::vector<InterfaceAddress> addresses;
  TRY(socket.Dump(std::move(message), "list addresses", [&](const NetlinkAnswer& answer) {
    ifaddrmsg info;
    if (answer.type != RTM_NEWADDR || answer.payload.size() < sizeof info) return;
    memcpy(&info, answer.payload.data(), sizeof info);
    if (info.ifa_scope != RT_SCOPE_UNIVERSE) return;
    InterfaceAddress found{.index = static_cast<int>(info.ifa_index), .address = ""};
    found.prefix = info.ifa_prefixlen;
    found.ipv6 = info.ifa_family == AF_INET6;
    ForEachAttribute(answer.payload.substr(sizeof info), [&](uint16_t type, std::string_view value) {
      // IFA_LOCAL is our end of a point-to-point link; IPv6 has IFA_ADDRESS alone.
      if (type == IFA_LOCAL || (type == IFA_ADDRESS && found.address.empty()))
        found.address = TextOf(info.ifa_family, value);
    });
    if (!found.address.empty()) addresses.push_back(std::move(found));
  }));
  return addresses;
}

Result<std::optional<DefaultRoute>> FindDefaultRoute(NetlinkSocket& socket, int family) {
  NetlinkMessage message;
  rtmsg query{};
  query.rtm_family = static_cast<uint8_t>(family);
  message.Start(RTM_GETROUTE, 0).Put(query);
  std::optional<DefaultRoute> found;
  uint32_t least = UINT32_MAX;
  TRY(socket.Dump(std::move(message), "list routes", [&](const NetlinkAnswer& answer) {
    rtmsg route;
    if (answer.type != RTM_NEWROUTE || answer.payload.size() < sizeof route) return;
    memcpy(&route, answer.payload.data(), sizeof route);
    if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST || route.rtm_family != family) return;
    DefaultRoute one;
    uint32_t metric = 0;
    ForEachAttribute(answer.payload.substr(sizeof route), [&](uint16_t type, std::string_view value) {
      if (type == RTA_OIF && value.size() == sizeof one.interface)
        memcpy(&one.interface, value.data(), sizeof one.interface);
      if (type == RTA_PRIORITY && value.size() == sizeof metric) memcpy(&metric, value.data(), sizeof metric);
      if (type == RTA_GATEWAY) one.gateway = TextOf(family, value);
    });
    if (one.interface == 0 || (found && metric >= least)) return;
    found = std::move(one);
    least = metric;
  }));
  return found;
}

std::optional<int> FindInterfaceTo(NetlinkSocket& socket, const IpAddress& address) {
  rtmsg query{};
  query.rtm_family = address.v6 ? AF_INET6 : AF_INET;
  query.rtm_dst_len = static_cast<uint8_t>(address.bits());
  NetlinkMessage message;
  message.Start(RTM_GETROUTE, 0).Put(query).Attribute(RTA_DST, address.bytes.data(), address.size());
  int interface = 0;
  bool own = false;
  auto asked = socket.Request(std::move(message), "ask for a route", [&](const NetlinkAnswer& answer) {
    rtmsg route;
    if (answer.type != RTM_NEWROUTE || answer.payload.size() < sizeof route) return;
    memcpy(&route, answer.payload.data(), sizeof route);
    own = route.rtm_type == RTN_LOCAL;
    if (!own && route.rtm_type != RTN_UNICAST) return;
    ForEachAttribute(answer.payload.substr(sizeof route), [&](uint16_t type, std::string_view value) {
      if (type == RTA_OIF && value.size() == sizeof interface)
        memcpy(&interface, value.data(), sizeof interface);
    });
  });
  if (!asked) return std::nullopt;
  if (own) {
    interface = 0;
    auto addresses = GlobalAddresses(socket);
    if (!addresses) return std::nullopt;
    const std::string text = FormatIp(address);
    for (const InterfaceAddress& one : *addresses)
      if (one.address == text) interface = one.index;
  }
  return interface > kLoopback ? std::optional(interface) : std::nullopt;
}

std::string HostAddress() {
  auto socket = NetlinkSocket::Open(NETLINK_ROUTE);
  if (!socket) return "";
  auto route = FindDefaultRoute(*socket, AF_INET);
  const int preferred = route && *route ? (*route)->interface : 0;
  std::string any;
  auto addresses = GlobalAddresses(*socket);
  if (!addresses) return "";
  for (const InterfaceAddress& a : *addresses) {
    if (a.ipv6) continue;
    if (a.index == preferred) return a.address;
    if (any.empty()) any = a.address;
  }
  return any;
}

}  // namespace wolffia
