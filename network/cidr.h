// Addresses and prefixes as text and numbers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

// IPv4 in host byte order.
struct Ipv4Prefix {
  uint32_t address = 0;  // of the network: host bits are 0
  int bits = 32;
  uint32_t Mask() const { return bits == 0 ? 0 : ~uint32_t{0} << (32 - bits); }
  uint32_t Last() const { return address | ~Mask(); }  // broadcast
  bool Contains(uint32_t other) const { return (other & Mask()) == address; }
  bool Overlaps(const Ipv4Prefix& other) const { return Contains(other.address) || other.Contains(address); }
  bool operator==(const Ipv4Prefix&) const = default;
};

std::optional<uint32_t> ParseIpv4(std::string_view text);  // dotted, four numbers
std::string FormatIpv4(uint32_t address);
// "10.0.2.0/24"; host bits may be set, and are cleared.
std::optional<Ipv4Prefix> ParseIpv4Prefix(std::string_view text);
std::string FormatPrefix(const Ipv4Prefix& prefix);
bool IsIpv6(std::string_view text);

}  // namespace wolffia
