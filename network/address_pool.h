// AddressPool: the addresses of one subnet, and which of them are given away. Pure.
#pragma once

#include <set>

#include "engine/base/result.h"
#include "network/ip_address.h"
#include "network/network_record.h"

namespace wolffia {

class AddressPool {
 public:
  // kInvalid for a malformed subnet.
  static Result<AddressPool> Of(const NetworkSubnet& subnet);

  // The address that is asked for; the first free one of the range if `wanted` is empty. kInvalid: not of
  // this subnet, or nobody's to have; kBusy: taken; kNoSpace: none is free.
  Result<IpAddress> Take(const std::string& wanted);
  void Free(const IpAddress& address) { taken_.erase(address); }

  const IpPrefix& prefix() const { return prefix_; }
  const IpAddress& gateway() const { return gateway_; }

 private:
  bool IsUsable(const IpAddress& address) const;

  IpPrefix prefix_;
  IpAddress gateway_, first_, last_;  // of the range: both are in it
  std::set<IpAddress> taken_;
};

}  // namespace wolffia
