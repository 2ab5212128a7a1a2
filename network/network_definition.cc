#include "network/network_definition.h"

#include <algorithm>
#include <charconv>

namespace wolffia {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr int kDefaultMtu = 65520;  // that of slirp4netns, the way out, which costs by the packet
constexpr int kLeastMtu = 576, kMostMtu = 65535;
constexpr int kLeastMtu6 = 1280;                     // RFC 8200, section 5
constexpr std::string_view kWayOut = "10.0.2.0/24";  // of slirp4netns, where the networks meet the host
constexpr std::string_view kModes[] = {"bridge", "container", "default", "host",       "none",
                                       "ns",     "pasta",     "private", "slirp4netns"};

std::unexpected<Error> Invalid(std::string what) {
  return Fail(Code::kInvalid, std::move(what));
}

bool IsNameByte(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '.' || c == '-');
}

bool IsTaken(const IpPrefix& prefix, const NetworkSurroundings& around) {
  for (const NetworkRecord& network : around.networks)
    for (const NetworkSubnet& subnet : network.subnets)
      if (auto other = ParseIpPrefix(subnet.subnet); other && other->Overlaps(prefix)) return true;
  return prefix.Overlaps(*ParseIpPrefix(kWayOut)) ||
         std::ranges::any_of(around.routes, [&](const IpPrefix& route) { return route.Overlaps(prefix); });
}

// 10.89.0.0/24 to 10.255.255.0/24, as podman.
Result<IpPrefix> FreeSubnet(const NetworkSurroundings& around) {
  const IpAddress last = *ParseIp("10.255.255.0");
  for (IpAddress at = *ParseIp("10.89.0.0"); at <= last; at = Plus(at, 256))
    if (const IpPrefix prefix{at, 24}; !IsTaken(prefix, around)) return prefix;
  return Fail(Code::kNoSpace,
              "no subnet between 10.89.0.0/24 and 10.255.255.0/24 is free: choose one with --subnet");
}

// A random one of fd00::/8 (RFC 4193).
IpPrefix RandomSubnet6(uint64_t random) {
  IpAddress address;
  address.v6 = true;
  for (size_t i = 1; i < 8; i++) address.bytes[i] = static_cast<uint8_t>(random >> (8 * i));
  address.bytes[0] = 0xfd;
  return {address, 64};
}

Result<IpPrefix> ReadSubnet(const std::string& text, const NetworkSurroundings& around) {
  auto prefix = ParseIpPrefix(text);
  if (!prefix) return Invalid("invalid CIDR address: " + text);
  // The gateway, one container, and, in IPv4, the network's own address and the broadcast address.
  if (prefix->bits < 8 || prefix->bits > prefix->address.bits() - 2)
    return Invalid("subnet " + text + " is too large or has no room for a gateway and a container");
  if (IsTaken(*prefix, around))
    return Invalid("subnet " + FormatIpPrefix(*prefix) + " is already used on the host or by another config");
  return *prefix;
}

Result<NetworkSubnet> DefineSubnet(const IpPrefix& prefix, const std::string& gateway,
                                   const std::string& range) {
  NetworkSubnet subnet{.subnet = FormatIpPrefix(prefix), .gateway = FormatIp(Plus(prefix.address, 1))};
  if (!gateway.empty()) {
    auto address = ParseIp(gateway);
    if (!address) return Invalid("invalid gateway \"" + gateway + "\": it is no IP address");
    if (!prefix.Contains(*address) || *address == prefix.address ||
        (!address->v6 && *address == prefix.Last()))
      return Invalid("gateway " + gateway + " not in subnet " + subnet.subnet);
    subnet.gateway = FormatIp(*address);
  }
  if (range.empty()) return subnet;
  auto part = ParseIpPrefix(range);
  if (!part) return Invalid("invalid CIDR address: " + range);
  if (!prefix.Contains(part->address) || part->bits < prefix.bits)
    return Invalid("ip range " + range + " not in subnet " + subnet.subnet);
  subnet.lease_start = FormatIp(Plus(part->address, part->bits < part->address.bits() ? 1 : 0));
  subnet.lease_end = FormatIp(part->Last());
  return subnet;
}

Result<std::vector<NetworkSubnet>> DefineSubnets(const NetworkWish& wish, const NetworkSurroundings& around,
                                                 uint64_t random) {
  if (wish.subnets.empty() && (!wish.gateways.empty() || !wish.ranges.empty()))
    return Invalid("cannot set gateway or range without subnet");
  if (std::max(wish.gateways.size(), wish.ranges.size()) > wish.subnets.size())
    return Invalid("more gateways or ranges than subnets");
  std::vector<NetworkSubnet> subnets;
  bool has4 = false, has6 = false;
  for (size_t i = 0; i < wish.subnets.size(); i++) {
    const IpPrefix prefix = TRY(ReadSubnet(wish.subnets[i], around));
    bool& has = prefix.address.v6 ? has6 : has4;
    if (has) return Invalid("a network has at most one subnet of IPv4 and one of IPv6: " + wish.subnets[i]);
    has = true;
    subnets.push_back(TRY(DefineSubnet(prefix, i < wish.gateways.size() ? wish.gateways[i] : "",
                                       i < wish.ranges.size() ? wish.ranges[i] : "")));
  }
  if (!has4 && !has6) subnets.push_back(TRY(DefineSubnet(TRY(FreeSubnet(around)), "", "")));
  if (wish.ipv6 && !has6) subnets.push_back(TRY(DefineSubnet(RandomSubnet6(random), "", "")));
  return subnets;
}

std::string FreeName(const NetworkSurroundings& around, std::string NetworkRecord::* member) {
  for (int n = 1;; n++) {
    std::string name = std::string(kDefaultNetwork) + std::to_string(n);
    if (std::ranges::find(around.networks, name, member) == around.networks.end()) return name;
  }
}

Result<> ReadOption(const std::string& key, const std::string& value, NetworkRecord& network) {
  if (key == "mtu" || key == "com.docker.network.driver.mtu") {
    int mtu = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mtu);
    const int least = network.ipv6 ? kLeastMtu6 : kLeastMtu;
    if (error != std::errc() || end != value.data() + value.size() || mtu < least || mtu > kMostMtu)
      return Invalid("mtu \"" + value + "\": a number from " + std::to_string(least) + " to " +
                     std::to_string(kMostMtu));
    network.options["mtu"] = std::to_string(mtu);
  } else if (key == "isolate") {
    if (value != "true" && value != "false" && value != "1" && value != "0")
      return Invalid("failed to parse isolate option: \"" + value + "\": true or false");
    network.options["isolate"] = value == "true" || value == "1" ? "true" : "false";
  } else {
    return Invalid("unsupported network option " + key + ": there are mtu and isolate");
  }
  return {};
}

}  // namespace

Result<> CheckNetworkName(std::string_view name) {
  bool good = !name.empty() && name.size() <= kMaxNameBytes;
  for (size_t i = 0; good && i < name.size(); ++i) good = IsNameByte(name[i], i == 0);
  const std::string shown(name.substr(0, 300));
  if (!good)
    return Invalid("network name " + shown +
                   " invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
  if (std::ranges::find(kModes, name) != std::end(kModes))
    return Invalid("cannot create network with name \"" + shown +
                   "\" because it conflicts with a valid network mode");
  return {};
}

Result<NetworkRecord> DefineNetwork(const NetworkWish& wish, const NetworkSurroundings& around,
                                    uint64_t random) {
  NetworkRecord network{
      .name = wish.name, .internal = wish.internal, .dns_enabled = wish.dns, .labels = wish.labels};
  if (network.name.empty()) network.name = FreeName(around, &NetworkRecord::name);
  TRY(CheckNetworkName(network.name));
  if (std::ranges::find(around.networks, network.name, &NetworkRecord::name) != around.networks.end())
    return Fail(Code::kExists, "network name " + network.name + " already used: network already exists");
  network.interface = FreeName(around, &NetworkRecord::interface);
  network.subnets = TRY(DefineSubnets(wish, around, random));
  for (const NetworkSubnet& subnet : network.subnets)
    network.ipv6 = network.ipv6 || subnet.subnet.find(':') != std::string::npos;
  for (const auto& [key, value] : wish.options) TRY(ReadOption(key, value, network));
  return network;
}

NetworkRecord DefaultNetwork() {
  NetworkRecord network{.name = std::string(kDefaultNetwork),
                        .id = "727cd35b172903942d487b32268d5d68f4eebd975e26d687374b7d21c7a387e7",
                        .interface = std::string(kDefaultNetwork) + "0",
                        .dns_enabled = false};
  network.subnets = {{.subnet = "10.88.0.0/16", .gateway = "10.88.0.1"}};
  return network;
}

int MtuOf(const NetworkRecord& network) {
  auto it = network.options.find("mtu");
  int mtu = kDefaultMtu;
  if (it != network.options.end())
    std::from_chars(it->second.data(), it->second.data() + it->second.size(), mtu);
  return std::clamp(mtu, kLeastMtu, kMostMtu);
}

bool IsIsolated(const NetworkRecord& network) {
  auto it = network.options.find("isolate");
  return it == network.options.end() || it->second != "false";
}

}  // namespace wolffia
