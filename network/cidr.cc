#include "network/cidr.h"

#include <arpa/inet.h>

#include <charconv>

namespace wolffia {

std::optional<uint32_t> ParseIpv4(std::string_view text) {
  in_addr address;
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string FormatIpv4(uint32_t address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += (text.empty() ? "" : ".") + std::to_string(address >> shift & 0xff);
  return text;
}

std::optional<Ipv4Prefix> ParseIpv4Prefix(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto address = ParseIpv4(text.substr(0, slash));
  std::string_view bits = text.substr(slash + 1);
  Ipv4Prefix prefix;
  auto [end, error] = std::from_chars(bits.begin(), bits.end(), prefix.bits);
  if (!address || error != std::errc() || end != bits.end() || prefix.bits < 0 || prefix.bits > 32)
    return std::nullopt;
  prefix.address = *address & prefix.Mask();
  return prefix;
}

std::string FormatPrefix(const Ipv4Prefix& prefix) {
  return FormatIpv4(prefix.address) + "/" + std::to_string(prefix.bits);
}

bool IsIpv6(std::string_view text) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

}  // namespace wolffia
