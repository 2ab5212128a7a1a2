#include "network/address_pool.h"

#include <algorithm>

namespace wolffia {
namespace {

constexpr int kMaxTries = 1 << 20;  // more addresses than containers that any host could run

}  // namespace

Result<AddressPool> AddressPool::Of(const NetworkSubnet& subnet) {
  AddressPool pool;
  auto prefix = ParseIpPrefix(subnet.subnet);
  auto gateway = ParseIp(subnet.gateway);
  if (!prefix || !gateway || !prefix->Contains(*gateway))
    return Fail(Code::kInvalid, "the network's subnet " + subnet.subnet + " or its gateway is malformed");
  pool.prefix_ = *prefix;
  pool.gateway_ = *gateway;
  pool.first_ = ParseIp(subnet.lease_start).value_or(prefix->address);
  pool.last_ = ParseIp(subnet.lease_end).value_or(prefix->Last());
  return pool;
}

bool AddressPool::IsUsable(const IpAddress& address) const {
  return prefix_.Contains(address) && address != gateway_ && address != prefix_.address &&
         (address.v6 || address != prefix_.Last());
}

Result<IpAddress> AddressPool::Take(const std::string& wanted) {
  if (!wanted.empty()) {
    auto address = ParseIp(wanted);
    if (!address || !IsUsable(*address))
      return Fail(Code::kInvalid, "requested static ip " + wanted + " not in subnet " +
                                      FormatIpPrefix(prefix_) + ", or it is the gateway's");
    if (!taken_.insert(*address).second)
      return Fail(Code::kBusy,
                  "requested ip address " + wanted + " is already allocated to another container");
    return *address;
  }
  IpAddress at = first_;
  for (int tries = 0; at <= last_ && tries < kMaxTries; at = Plus(at, 1), tries++) {
    if (IsUsable(at) && taken_.insert(at).second) return at;
    if (at == last_) break;
  }
  return Fail(Code::kNoSpace, "no address of subnet " + FormatIpPrefix(prefix_) + " is free");
}

}  // namespace wolffia
