#include "network/ip_address.h"

#include <arpa/inet.h>

#include <charconv>

namespace wolffia {

std::optional<IpAddress> ParseIp(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  const std::string copy(text);
  IpAddress address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string FormatIp(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

IpAddress Plus(IpAddress address, uint64_t count) {
  for (size_t i = address.size(); i-- > 0 && count > 0;) {
    count += address.bytes[i];
    address.bytes[i] = static_cast<uint8_t>(count);
    count >>= 8;
  }
  return address;
}

IpPrefix PrefixOf(IpAddress address, int bits) {
  for (size_t i = 0; i < address.size(); i++) {
    const int kept = bits - static_cast<int>(i) * 8;
    if (kept <= 0)
      address.bytes[i] = 0;
    else if (kept < 8)
      address.bytes[i] = static_cast<uint8_t>(address.bytes[i] & (0xff << (8 - kept)));
  }
  return {address, bits};
}

bool IpPrefix::Contains(const IpAddress& other) const {
  return other.v6 == address.v6 && PrefixOf(other, bits).address == address;
}

IpAddress IpPrefix::Last() const {
  IpAddress last = address;
  for (size_t i = 0; i < last.size(); i++) {
    const int kept = bits - static_cast<int>(i) * 8;
    if (kept <= 0)
      last.bytes[i] = 0xff;
    else if (kept < 8)
      last.bytes[i] = static_cast<uint8_t>(last.bytes[i] | (0xff >> kept));
  }
  return last;
}

std::optional<IpPrefix> ParseIpPrefix(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  auto address = ParseIp(text.substr(0, slash));
  const char* end = text.data() + text.size();
  int bits = -1;
  auto [at, error] = std::from_chars(text.data() + slash + 1, end, bits);
  if (!address || error != std::errc() || at != end || bits < 0 || bits > address->bits())
    return std::nullopt;
  return PrefixOf(*address, bits);
}

std::string FormatIpPrefix(const IpPrefix& prefix) {
  return FormatIp(prefix.address) + "/" + std::to_string(prefix.bits);
}

}  // namespace wolffia
