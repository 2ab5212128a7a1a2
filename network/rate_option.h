// The text of --network-rate. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// Of a container's network, bits a second as the container sees it; 0: no limit.
struct NetworkRates {
  uint64_t ingress = 0;  // what it receives
  uint64_t egress = 0;   // what it sends
  bool limited() const { return ingress != 0 || egress != 0; }
  bool operator==(const NetworkRates&) const = default;
};

// "ingress=10mbit,egress=1gbit": either or both. A number with k, m, g or t (powers of 1000), and "bit" after
// it or not. kInvalid: malformed, unknown, or outside of 8 kbit/s to 1 Tbit/s.
Result<NetworkRates> ParseNetworkRates(std::string_view text);

}  // namespace wolffia
