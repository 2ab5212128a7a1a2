#include "network/bridges.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "engine/base/file.h"
#include "network/network_definition.h"
#include "network/nft.h"

namespace wolffia {
namespace {

constexpr char kWayOut[] = "tap0";

Result<> SetSysctl(const std::string& name) {
  const std::string path = "/proc/sys/net/" + name;
  if (ReadFile(path, 16).value_or("") == "1\n") return {};
  Fd fd = TRY(wolffia::Open(path, O_WRONLY));
  return WriteFull(fd.get(), "1");
}

}  // namespace

Result<Bridges> Bridges::Open() {
  Fd own = TRY(wolffia::Open("/proc/self/ns/net", O_RDONLY));
  Links links = TRY(Links::Open());
  TRY(links.SetUp(TRY(links.IndexOf("lo"))));
  TRY_WITH(SetSysctl("ipv4/ip_forward"), "forward packets of the containers' networks");
  // Bridged packets need not pass the rules; where they do, a rule lets them.
  if (auto fd = wolffia::Open("/proc/sys/net/bridge/bridge-nf-call-iptables", O_WRONLY))
    (void)WriteFull(fd->get(), "0");
  return Bridges(std::move(own), std::move(links), TRY(NetlinkSocket::Open(NETLINK_NETFILTER)));
}

Result<> Bridges::Add(const NetworkRecord& network) {
  if (network.ipv6) TRY_WITH(SetSysctl("ipv6/conf/all/forwarding"), "forward packets of IPv6");
  auto first = ParseIp(network.subnets.empty() ? "" : network.subnets[0].gateway);
  if (!first) return Fail(Code::kInvalid, "network " + network.name + " has no gateway");
  TRY(links_.AddBridge(network.interface, MacFor(*first), MtuOf(network)));
  const int index = TRY(links_.IndexOf(network.interface));
  bridges_[network.name] = {network, index};
  auto set_up = [&]() -> Result<> {
    TRY(links_.SetUp(index));
    for (const NetworkSubnet& subnet : network.subnets) {
      auto gateway = ParseIp(subnet.gateway);
      auto prefix = ParseIpPrefix(subnet.subnet);
      if (!gateway || !prefix)
        return Fail(Code::kInvalid, "network " + network.name + " has a malformed subnet");
      TRY(links_.AddAddress(index, *gateway, prefix->bits));
    }
    return SetRules();
  }();
  if (!set_up) Remove(network.name);
  return set_up;
}

void Bridges::Remove(const std::string& network) {
  auto it = bridges_.find(network);
  if (it == bridges_.end()) return;
  (void)links_.Remove(it->second.index);
  bridges_.erase(it);
  (void)SetRules();
}

Result<> Bridges::Attach(const Interface& interface) {
  const InterfaceState& inside = interface.inside;
  const Bridge& bridge = bridges_.at(inside.network);
  auto mac = ParseMac(inside.mac);
  if (!mac) return Fail(Code::kInvalid, "malformed MAC address " + inside.mac);
  Links there = TRY(Links::OpenIn(interface.net_namespace, own_.get()));
  // Of a holder that was killed: the kernel takes its interfaces away when it finds the time.
  if (auto old = there.IndexOf(inside.interface)) TRY(there.Remove(*old));
  TRY(links_.AddVeth({.name = interface.near,
                      .peer = inside.interface,
                      .peer_namespace = interface.net_namespace,
                      .peer_mac = *mac,
                      .mtu = MtuOf(bridge.network),
                      .bridge = bridge.index}));
  const int index = TRY(there.IndexOf(inside.interface));
  if (auto ip = ParseIp(inside.ip)) TRY(there.AddAddress(index, *ip, inside.prefix));
  if (auto ip6 = ParseIp(inside.ip6)) TRY(there.AddAddress(index, *ip6, inside.prefix6));
  TRY(there.SetUp(index));
  if (bridge.network.internal) return {};
  for (const std::string& text : {inside.gateway, inside.gateway6})
    if (auto gateway = ParseIp(text)) TRY(there.AddDefaultRoute(index, *gateway, interface.metric));
  return {};
}

void Bridges::Detach(const std::string& near) {
  if (auto index = links_.IndexOf(near)) (void)links_.Remove(*index);
}

// Everything is dropped but what is said here: from one network there is no way into another one, nor to
// another's gateway.
Result<> Bridges::SetRules() {
  NftTable table("wolffia");
  table.Chain({.name = "forward", .hook = NF_INET_FORWARD, .policy = NF_DROP});
  table.Chain({.name = "input", .hook = NF_INET_LOCAL_IN, .policy = NF_DROP});
  table.Chain({.name = "nat", .type = "nat", .hook = NF_INET_POST_ROUTING, .priority = 100});
  table.Rule("forward", NftRule().CtEstablished().Accept());
  table.Rule("input", NftRule().CtEstablished().Accept());
  table.Rule("input", NftRule().InInterface("lo").Accept());
  table.Rule("input", NftRule().IsProtocol(IPPROTO_ICMPV6).Accept());  // neighbours are found by it
  for (const auto& [name, bridge] : bridges_) {
    const NetworkRecord& network = bridge.network;
    table.Rule("forward", NftRule().InInterface(network.interface).OutInterface(network.interface).Accept());
    for (const NetworkSubnet& subnet : network.subnets) {
      const IpAddress gateway = *ParseIp(subnet.gateway);
      table.Rule("input", NftRule().InInterface(network.interface).To({gateway, gateway.bits()}).Accept());
      if (!network.internal)
        table.Rule("nat", NftRule().From(*ParseIpPrefix(subnet.subnet)).OutInterface(kWayOut).Masquerade());
    }
    if (!network.internal)
      table.Rule("forward", NftRule().InInterface(network.interface).OutInterface(kWayOut).Accept());
    for (const auto& [other_name, other] : bridges_)
      if (name != other_name && !IsIsolated(network) && !IsIsolated(other.network))
        table.Rule("forward",
                   NftRule().InInterface(network.interface).OutInterface(other.network.interface).Accept());
  }
  return table.Install(nft_);
}

}  // namespace wolffia
