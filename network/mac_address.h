// Ethernet addresses of interfaces, as text and bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "network/ip_address.h"

namespace wolffia {

using MacAddress = std::array<uint8_t, 6>;

std::optional<MacAddress> ParseMac(std::string_view text);  // "02:42:0a:59:00:02"; also with '-'
std::string FormatMac(const MacAddress& mac);
// A unicast one, locally administered, always the same for the same address: neighbours that know the one
// find whoever has it next, without asking again.
MacAddress MacFor(const IpAddress& address);

// False for those of a group (IEEE 802), which no interface can have.
inline bool IsUnicast(const MacAddress& mac) {
  return (mac[0] & 1) == 0;
}

}  // namespace wolffia
