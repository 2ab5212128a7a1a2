// IpAddress, IpPrefix: addresses of both families as values and as text. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

struct IpAddress {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};  // network byte order; of IPv4 the first four

  size_t size() const { return v6 ? 16 : 4; }
  int bits() const { return v6 ? 128 : 32; }
  auto operator<=>(const IpAddress&) const = default;
};

std::optional<IpAddress> ParseIp(std::string_view text);  // numeric only; no scope
std::string FormatIp(const IpAddress& address);
// The address `count` further on; wraps at the end of the family.
IpAddress Plus(IpAddress address, uint64_t count);

struct IpPrefix {
  IpAddress address;  // its host bits are 0
  int bits = 0;

  bool Contains(const IpAddress& other) const;
  bool Overlaps(const IpPrefix& other) const { return Contains(other.address) || other.Contains(address); }
  IpAddress Last() const;  // IPv4: the broadcast address
  auto operator<=>(const IpPrefix&) const = default;
};

// The address with all bits after the first `bits` cleared.
IpPrefix PrefixOf(IpAddress address, int bits);
// "10.89.0.0/24", "fd00::/64"; host bits may be set, and are cleared.
std::optional<IpPrefix> ParseIpPrefix(std::string_view text);
std::string FormatIpPrefix(const IpPrefix& prefix);

}  // namespace wolffia
