// DNS messages as far as a resolver of names in a network needs them (RFC 1035, section 4; RFC 3596): one
// question is read, and answers to it are made. Pure; a packet is any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/ip_address.h"

namespace wolffia {

namespace dns {
inline constexpr uint16_t kA = 1, kPtr = 12, kAaaa = 28, kAny = 255;  // types
inline constexpr uint16_t kNoError = 0, kFormatError = 1, kServerFailure = 2, kNoName = 3, kRefused = 5;
inline constexpr size_t kHeaderBytes = 12, kMaxUdpBytes = 512, kMaxTcpBytes = 65535;
}  // namespace dns

struct DnsQuestion {
  uint16_t id = 0;
  std::string name;  // lower-case, labels separated by dots, without one at the end
  uint16_t type = 0, record_class = 0;
  size_t end = 0;  // of the question in the packet
};

// A query with one question; nullopt for anything else. A label may hold any byte but a dot.
std::optional<DnsQuestion> ParseDnsQuestion(std::string_view packet);

// The address that the name of a PTR question stands for: "2.0.89.10.in-addr.arpa", "...ip6.arpa".
std::optional<IpAddress> AddressOfPtrName(std::string_view name);

// The answer to `query`, of which `question` was read: those of the addresses that have the type asked for;
// of a PTR question the name. At most `limit` bytes: what has no room is left out, and the answer says that
// it is cut, so that the asker comes again over TCP.
std::string MakeDnsAnswer(std::string_view query, const DnsQuestion& question,
                          const std::vector<IpAddress>& addresses, const std::string& name = "",
                          size_t limit = dns::kMaxUdpBytes);
std::string MakeDnsError(std::string_view query, const DnsQuestion& question, uint16_t code);

}  // namespace wolffia
