#include "network/links.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>

namespace wolffia {
namespace {

uint8_t FamilyOf(const IpAddress& address) {
  return address.v6 ? AF_INET6 : AF_INET;
}

NetlinkMessage& PutAddress(NetlinkMessage& message, uint16_t attribute, const IpAddress& address) {
  return message.Attribute(attribute, address.bytes.data(), address.size());
}

NetlinkMessage LinkMessage(uint16_t type, uint16_t flags, ifinfomsg info) {
  NetlinkMessage message;
  message.Start(type, flags).Put(info);
  return message;
}

// The near end's attributes, or those of the other one.
void PutLink(NetlinkMessage& message, const std::string& name, int mtu) {
  message.Text(IFLA_IFNAME, name).U32(IFLA_MTU, static_cast<uint32_t>(mtu));
}

}  // namespace

Result<Links> Links::Open() {
  return Links(TRY(NetlinkSocket::Open(NETLINK_ROUTE)));
}

Result<Links> Links::Adopt(Fd socket) {
  return Links(TRY(NetlinkSocket::Adopt(std::move(socket))));
}

Result<Links> Links::OpenIn(int net_namespace, int own) {
  if (setns(net_namespace, CLONE_NEWNET) < 0) return FailErrno("enter the container's network namespace");
  auto links = Open();
  if (setns(own, CLONE_NEWNET) < 0) return FailErrno("return from the container's network namespace");
  return links;
}

Result<int> Links::IndexOf(const std::string& name) {
  NetlinkMessage message = LinkMessage(RTM_GETLINK, 0, {});
  message.Text(IFLA_IFNAME, name);
  int index = 0;
  // As a dump, which ignores the name but always ends.
  TRY(socket_.Dump(std::move(message), "look for the interface " + name, [&](const NetlinkAnswer& answer) {
    ifinfomsg info;
    if (answer.type != RTM_NEWLINK || answer.payload.size() < sizeof info) return;
    memcpy(&info, answer.payload.data(), sizeof info);
    ForEachAttribute(answer.payload.substr(sizeof info), [&](uint16_t type, std::string_view value) {
      if (type == IFLA_IFNAME && value.substr(0, value.find('\0')) == name) index = info.ifi_index;
    });
  }));
  if (index == 0) return Fail(Code::kNotFound, "there is no interface " + name, ENODEV);
  return index;
}

Result<> Links::AddBridge(const std::string& name, const MacAddress& mac, int mtu) {
  NetlinkMessage message = LinkMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, {});
  PutLink(message, name, mtu);
  message.Attribute(IFLA_ADDRESS, mac.data(), mac.size());
  const size_t info = message.Begin(IFLA_LINKINFO | NLA_F_NESTED);
  message.Text(IFLA_INFO_KIND, "bridge");
  message.End(info);
  return socket_.Request(std::move(message), "make the bridge " + name);
}

Result<> Links::AddVeth(const Veth& veth) {
  ifinfomsg up{};
  up.ifi_flags = up.ifi_change = IFF_UP;
  NetlinkMessage message = LinkMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, up);
  PutLink(message, veth.name, veth.mtu);
  if (veth.bridge != 0) message.U32(IFLA_MASTER, static_cast<uint32_t>(veth.bridge));
  const size_t info = message.Begin(IFLA_LINKINFO | NLA_F_NESTED);
  message.Text(IFLA_INFO_KIND, "veth");
  const size_t data = message.Begin(IFLA_INFO_DATA | NLA_F_NESTED);
  const size_t peer = message.Begin(VETH_INFO_PEER | NLA_F_NESTED);
  message.Put(ifinfomsg{});
  PutLink(message, veth.peer, veth.mtu);
  message.Attribute(IFLA_ADDRESS, veth.peer_mac.data(), veth.peer_mac.size());
  message.U32(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.peer_namespace));
  message.End(peer);
  message.End(data);
  message.End(info);
  return socket_.Request(std::move(message), "connect the interface " + veth.peer);
}

Result<> Links::SetUp(int index) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = info.ifi_change = IFF_UP;
  return socket_.Request(LinkMessage(RTM_NEWLINK, 0, info), "switch an interface on");
}

Result<> Links::Rename(int index, const std::string& name) {
  ifinfomsg info{};
  info.ifi_index = index;
  NetlinkMessage message = LinkMessage(RTM_NEWLINK, 0, info);
  message.Text(IFLA_IFNAME, name);
  return socket_.Request(std::move(message), "name an interface " + name);
}

Result<> Links::Remove(int index) {
  ifinfomsg info{};
  info.ifi_index = index;
  return socket_.Request(LinkMessage(RTM_DELLINK, 0, info), "remove an interface");
}

Result<> Links::AddAddress(int index, const IpAddress& address, int prefix) {
  ifaddrmsg info{};
  info.ifa_family = FamilyOf(address);
  info.ifa_prefixlen = static_cast<uint8_t>(prefix);
  info.ifa_flags = address.v6 ? IFA_F_NODAD : 0;
  info.ifa_index = static_cast<uint32_t>(index);
  NetlinkMessage message;
  message.Start(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL).Put(info);
  PutAddress(message, IFA_LOCAL, address);
  PutAddress(message, IFA_ADDRESS, address);
  if (!address.v6 && prefix < 31) PutAddress(message, IFA_BROADCAST, PrefixOf(address, prefix).Last());
  return socket_.Request(std::move(message), "give the address " + FormatIp(address));
}

Result<> Links::AddDefaultRoute(int index, const IpAddress& gateway, uint32_t metric) {
  rtmsg info{};
  info.rtm_family = FamilyOf(gateway);
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_scope = RT_SCOPE_UNIVERSE;
  info.rtm_type = RTN_UNICAST;
  NetlinkMessage message;
  message.Start(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL).Put(info);
  PutAddress(message, RTA_GATEWAY, gateway);
  message.U32(RTA_OIF, static_cast<uint32_t>(index)).U32(RTA_PRIORITY, metric);
  return socket_.Request(std::move(message), "set the default route to " + FormatIp(gateway));
}

namespace {

struct Route {
  bool v6 = false;
  IpPrefix to;  // bits 0: the default one
};

Result<std::vector<Route>> MainRoutes(NetlinkSocket& socket) {
  NetlinkMessage message;
  message.Start(RTM_GETROUTE, 0).Put(rtmsg{});
  std::vector<Route> routes;
  TRY(socket.Dump(std::move(message), "list the routes", [&](const NetlinkAnswer& answer) {
    rtmsg info;
    if (answer.type != RTM_NEWROUTE || answer.payload.size() < sizeof info) return;
    memcpy(&info, answer.payload.data(), sizeof info);
    const bool v6 = info.rtm_family == AF_INET6;
    if ((!v6 && info.rtm_family != AF_INET) || info.rtm_table != RT_TABLE_MAIN ||
        (info.rtm_type != RTN_UNICAST && info.rtm_type != RTN_BLACKHOLE))
      return;
    Route route{v6, {}};
    route.to.address.v6 = v6;
    ForEachAttribute(answer.payload.substr(sizeof info), [&](uint16_t type, std::string_view value) {
      if (type == RTA_DST && value.size() == route.to.address.size())
        memcpy(route.to.address.bytes.data(), value.data(), value.size());
    });
    route.to = PrefixOf(route.to.address, info.rtm_dst_len);
    routes.push_back(route);
  }));
  return routes;
}

}  // namespace

Result<std::vector<IpPrefix>> Links::Routes() {
  std::vector<IpPrefix> prefixes;
  for (const Route& route : TRY(MainRoutes(socket_)))
    if (route.to.bits > 0) prefixes.push_back(route.to);
  return prefixes;
}

Result<bool> Links::HasDefaultRoute(bool v6) {
  for (const Route& route : TRY(MainRoutes(socket_)))
    if (route.v6 == v6 && route.to.bits == 0) return true;
  return false;
}

}  // namespace wolffia
