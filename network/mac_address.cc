#include "network/mac_address.h"

#include <algorithm>
#include <charconv>

namespace wolffia {

std::optional<MacAddress> ParseMac(std::string_view text) {
  MacAddress mac{};
  if (text.size() != 17) return std::nullopt;
  for (size_t i = 0; i < mac.size(); i++) {
    const char* at = text.data() + 3 * i;
    auto [end, error] = std::from_chars(at, at + 2, mac[i], 16);
    if (error != std::errc() || end != at + 2) return std::nullopt;
    if (i < 5 && at[2] != ':' && at[2] != '-') return std::nullopt;
  }
  return mac;
}

std::string FormatMac(const MacAddress& mac) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

MacAddress MacFor(const IpAddress& address) {
  MacAddress mac{0x0a, 0x57};
  std::copy_n(address.bytes.begin() + static_cast<ptrdiff_t>(address.size()) - 4, 4, mac.begin() + 2);
  return mac;
}

}  // namespace wolffia
