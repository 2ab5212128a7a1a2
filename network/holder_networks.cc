#include "network/holder_networks.h"

#include <algorithm>

#include "network/network_definition.h"

namespace wolffia {
namespace {

// Names of interfaces as the kernel takes them.
Result<> CheckInterfaceName(const std::string& name) {
  const bool good =
      !name.empty() && name.size() <= Links::kMaxName && name != "." && name != ".." && name != "lo" &&
      std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; });
  if (good) return {};
  return Fail(Code::kInvalid, "\"" + name.substr(0, 100) + "\" is no name for an interface: 1 to " +
                                  std::to_string(Links::kMaxName) + " bytes without spaces, / and :");
}

// "eth0", "eth1" ...: the first that the container does not have.
std::string FreeInterface(const Member& member) {
  for (int n = 0;; n++) {
    const std::string name = "eth" + std::to_string(n);
    if (std::ranges::none_of(member.interfaces,
                             [&](const MemberInterface& i) { return i.inside.interface == name; }))
      return name;
  }
}

constexpr uint32_t kFirstMetric = 100;

uint32_t FreeMetric(const Member& member) {
  uint32_t metric = kFirstMetric;
  while (std::ranges::find(member.interfaces, metric, &MemberInterface::metric) != member.interfaces.end())
    metric++;
  return metric;
}

bool Asks(const JoinRequest& request, const std::string& network) {
  return std::ranges::any_of(request.networks,
                             [&](const Membership& wanted) { return wanted.network.name == network; });
}

NetworkTarget OwnTarget(const Bridges& bridges) {
  return {.user_namespace = -1, .net_namespace = bridges.own_namespace(), .root_mapped = true};
}

}  // namespace

Result<> HolderNetworks::OpenWayOut(bool v6) {
  if (way_out_ && (way_out_v6_ || !v6)) return {};
  UserModeOptions options;
  options.ipv6 = way_out_v6_ = v6 || way_out_v6_;
  way_out_ = std::make_unique<Slirp4netns>(options);  // the one before, without IPv6, ends
  way_out_ready_ = way_out_failed_ = false;
  auto begun = way_out_->Prepare();
  if (begun) outside_->Run([&] { begun = way_out_->Begin(OwnTarget(bridges_)); });
  if (!begun) way_out_.reset();
  return begun;
}

// One that has failed, for another container or when it was replaced, is tried anew.
Result<> HolderNetworks::AwaitWayOut() {
  if (!way_out_ || way_out_ready_) return {};
  if (way_out_failed_) return Repair();
  Result<> ready = way_out_->Finish();
  way_out_ready_ = ready.has_value();
  way_out_failed_ = !way_out_ready_;
  return ready;
}

std::vector<HelperProcess> HolderNetworks::Helpers() const {
  return way_out_ ? way_out_->Helpers() : std::vector<HelperProcess>();
}

Result<> HolderNetworks::Repair() {
  if (!way_out_) return {};
  Result<> repaired;
  outside_->Run([&] { repaired = way_out_->Repair(OwnTarget(bridges_)); });
  way_out_ready_ = repaired.has_value();
  way_out_failed_ = !way_out_ready_;
  return repaired;
}

Result<HolderNetworks::Network*> HolderNetworks::Open(const NetworkRecord& record) {
  auto it = networks_.find(record.name);
  if (it != networks_.end() && it->second.record.id != record.id)
    return Fail(Code::kBusy, "another network of the name " + record.name + " is still in use");
  if (it != networks_.end()) return &it->second;
  TRY(CheckInterfaceName(record.interface));
  Network network{record, {}, 0};
  for (const NetworkSubnet& subnet : record.subnets) network.pools.push_back(TRY(AddressPool::Of(subnet)));
  if (!record.internal) TRY(OpenWayOut(record.ipv6));
  TakeReserved(network);
  TRY(bridges_.Add(record));
  return &networks_.emplace(record.name, std::move(network)).first->second;
}

void HolderNetworks::TakeReserved(Network& network) const {
  for (const auto& [container, request] : reserved_)
    for (const Membership& membership : request.networks)
      for (AddressPool& pool : network.pools) {
        const std::string& ip = pool.prefix().address.v6 ? membership.use.ip6 : membership.use.ip;
        if (membership.network.name == network.record.name && !ip.empty()) (void)pool.Take(ip);
      }
}

void HolderNetworks::Forget(const std::string& container) {
  auto it = reserved_.find(container);
  if (it == reserved_.end()) return;
  for (const Membership& membership : it->second.networks) {
    auto network = networks_.find(membership.network.name);
    if (network == networks_.end()) continue;
    for (AddressPool& pool : network->second.pools)
      if (auto address = ParseIp(pool.prefix().address.v6 ? membership.use.ip6 : membership.use.ip))
        pool.Free(*address);
  }
  reserved_.erase(it);
}

void HolderNetworks::Close(const std::string& name) {
  bridges_.Remove(name);
  networks_.erase(name);
}

Result<> HolderNetworks::JoinOne(Member& member, const Membership& wanted) {
  const NetworkUse& use = wanted.use;
  MemberInterface mine;
  mine.inside.network = wanted.network.name;
  mine.inside.interface = use.interface.empty() ? FreeInterface(member) : use.interface;
  TRY(CheckInterfaceName(mine.inside.interface));
  const auto mac = ParseMac(use.mac);
  if (!use.mac.empty() && !(mac && IsUnicast(*mac)))
    return Fail(Code::kInvalid,
                "\"" + use.mac + "\" is no MAC address of an interface, as 02:42:0a:59:00:02");
  mine.inside.aliases = use.aliases;
  mine.internal = wanted.network.internal;
  mine.names = wanted.network.dns_enabled;
  mine.near = "veth" + std::to_string(last_near_++);
  mine.metric = FreeMetric(member);
  Network* network = TRY(Open(wanted.network));
  network->members++;  // LeaveOne takes it back, whatever else fails
  member.interfaces.push_back(mine);
  MemberInterface& kept = member.interfaces.back();
  for (AddressPool& pool : network->pools) {
    const bool v6 = pool.prefix().address.v6;
    const IpAddress address = TRY_WITH(pool.Take(v6 ? use.ip6 : use.ip), "network " + wanted.network.name);
    (v6 ? kept.ip6 : kept.ip) = address;
    (v6 ? kept.inside.ip6 : kept.inside.ip) = FormatIp(address);
    (v6 ? kept.inside.gateway6 : kept.inside.gateway) = FormatIp(pool.gateway());
    (v6 ? kept.inside.prefix6 : kept.inside.prefix) = pool.prefix().bits;
  }
  if (!kept.ip && !kept.ip6) return Fail(Code::kInvalid, "network " + wanted.network.name + " has no subnet");
  kept.inside.mac = FormatMac(mac ? *mac : MacFor(kept.ip ? *kept.ip : *kept.ip6));
  if ((!use.ip.empty() && !kept.ip) || (!use.ip6.empty() && !kept.ip6))
    return Fail(Code::kInvalid, "requested static ip " + (kept.ip ? use.ip6 : use.ip) +
                                    " not in any subnet on network " + wanted.network.name);
  return {};
}

Result<> HolderNetworks::Join(Member& member, const JoinRequest& request) {
  member.id = request.container;
  member.name = request.name;
  member.dns.clear();
  for (const std::string& server : request.dns)
    if (auto address = ParseIp(server)) member.dns.push_back(*address);
  Forget(member.id);  // it says itself what it has
  const size_t before = member.interfaces.size();
  for (const Membership& wanted : request.networks) {
    if (std::ranges::any_of(member.interfaces, [&](const MemberInterface& i) {
          return i.inside.network == wanted.network.name;
        }))
      continue;
    auto joined = JoinOne(member, wanted);
    if (joined) continue;
    while (member.interfaces.size() > before) LeaveOne(member, member.interfaces.size() - 1);
    return joined;
  }
  for (size_t i = before; i-- > 0;)
    if (!Asks(request, member.interfaces[i].inside.network)) LeaveOne(member, i);
  return {};
}

Result<> HolderNetworks::Attach(Member& member, int net_namespace) {
  TRY(AwaitWayOut());
  for (MemberInterface& interface : member.interfaces) {
    if (interface.attached) continue;
    TRY_WITH(bridges_.Attach({interface.near, interface.inside, net_namespace, interface.metric}),
             "network " + interface.inside.network);
    interface.attached = true;
  }
  return {};
}

void HolderNetworks::LeaveOne(Member& member, size_t index) {
  const MemberInterface& interface = member.interfaces[index];
  const std::string network = interface.inside.network;
  bridges_.Detach(interface.near);
  if (auto it = networks_.find(network); it != networks_.end()) {
    for (AddressPool& pool : it->second.pools) {
      const auto& address = pool.prefix().address.v6 ? interface.ip6 : interface.ip;
      if (address) pool.Free(*address);
    }
    if (--it->second.members == 0) Close(network);
  }
  member.interfaces.erase(member.interfaces.begin() + static_cast<ptrdiff_t>(index));
}

void HolderNetworks::Leave(Member& member) {
  while (!member.interfaces.empty()) LeaveOne(member, member.interfaces.size() - 1);
}

std::vector<IpAddress> HolderNetworks::ResolverAddresses() const {
  std::vector<IpAddress> addresses;
  for (const auto& [name, network] : networks_)
    for (const AddressPool& pool : network.pools)
      if (network.record.dns_enabled) addresses.push_back(pool.gateway());
  return addresses;
}

}  // namespace wolffia
