#include "network/port_mapping.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace wolffia {
namespace {

constexpr size_t kMaxText = 256;  // longer than any; an error repeats it

struct PortRange {
  uint16_t first = 0, count = 1;
};

Result<uint16_t> ParsePort(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return Fail(Code::kInvalid, "invalid port number \"" + std::string(text) + "\"");
  if (number < 1 || number > 65535)
    return Fail(Code::kInvalid,
                "port numbers must be between 1 and 65535 (inclusive), got " + std::to_string(number));
  return static_cast<uint16_t>(number);
}

// "80" or "80-90".
Result<PortRange> ParseRange(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == 0) return Fail(Code::kInvalid, "port numbers cannot be negative");
  if (text.find('-', dash == text.npos ? dash : dash + 1) != text.npos)
    return Fail(Code::kInvalid, "invalid port format - port ranges are formatted as startPort-stopPort");
  PortRange range{TRY(ParsePort(text.substr(0, dash)))};
  if (dash == text.npos) return range;
  if (dash + 1 == text.size()) return Fail(Code::kInvalid, "must provide ending number for port range");
  const uint16_t last = TRY(ParsePort(text.substr(dash + 1)));
  if (last <= range.first)
    return Fail(Code::kInvalid, "the end port of a range must be higher than the start port - " +
                                    std::to_string(last) + " is not higher than " +
                                    std::to_string(range.first));
  range.count = static_cast<uint16_t>(last - range.first + 1);
  return range;
}

Result<Protocol> ParseProtocol(std::string_view text) {
  if (text.empty()) return Fail(Code::kInvalid, "must provide a non-empty protocol to publish");
  for (Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp})
    if (text == ProtocolName(protocol)) return protocol;
  return Fail(Code::kInvalid, "unrecognized protocol \"" + std::string(text) + "\": tcp, udp or sctp");
}

// As the kernel writes it, so that equal addresses are equal texts.
Result<std::string> ParseHostIp(std::string_view text) {
  if (text.empty()) return Fail(Code::kInvalid, "must provide a non-empty container host IP to publish");
  const std::string address(text);
  in6_addr bytes;
  char canonical[INET6_ADDRSTRLEN];
  for (int family : {AF_INET, AF_INET6})
    if (inet_pton(family, address.c_str(), &bytes) == 1)
      return std::string(inet_ntop(family, &bytes, canonical, sizeof canonical));
  return Fail(Code::kInvalid, "cannot parse \"" + address + "\" as an IP address");
}

// A text without its protocol, cut at the colons.
struct Parts {
  std::optional<std::string_view> host_ip, host_port;
  std::string_view container_port;
};

Result<Parts> SplitBracketed(std::string_view text) {
  const size_t end = text.find(']');
  if (!text.starts_with('['))
    return Fail(Code::kInvalid, "invalid port format - IPv6 addresses must be enclosed by []");
  if (text.find(']', end + 1) != text.npos)
    return Fail(Code::kInvalid,
                "invalid port format - at most one IPv6 address can be specified in a --publish");
  std::string_view rest = text.substr(end + 1);
  if (!rest.starts_with(':'))
    return Fail(Code::kInvalid, "invalid port format - IPv6 address must be followed by a colon (':')");
  rest.remove_prefix(1);
  const size_t colon = rest.find(':');
  if (colon == rest.npos)
    return Fail(Code::kInvalid,
                "invalid port format - must provide host and destination port if specifying an IP");
  if (rest.find(':', colon + 1) != rest.npos)
    return Fail(Code::kInvalid,
                "invalid port format - when v6 address specified, must be [ipv6]:hostPort:ctrPort");
  return Parts{text.substr(1, end - 1), rest.substr(0, colon), rest.substr(colon + 1)};
}

Result<Parts> Split(std::string_view text) {
  if (text.find(']') != text.npos) return SplitBracketed(text);
  const size_t last = text.rfind(':');
  if (last == text.npos) return Parts{{}, {}, text};
  Parts parts{{}, text.substr(0, last), text.substr(last + 1)};
  const size_t first = parts.host_port->find(':');
  if (first == text.npos) return parts;
  if (first != parts.host_port->rfind(':'))
    return Fail(Code::kInvalid,
                "invalid port format - format is [[hostIP:]hostPort:]containerPort; an IPv6 address stands "
                "in brackets");
  parts.host_ip = parts.host_port->substr(0, first);
  parts.host_port = parts.host_port->substr(first + 1);
  return parts;
}

// Text that a message may repeat: the user's own, but perhaps out of a script.
Result<> CheckText(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
  if (plain && text.size() <= kMaxText) return {};
  return Fail(Code::kInvalid, "invalid port format - format is [[hostIP:]hostPort:]containerPort[/protocol]");
}

// Cuts "/udp" off `text`.
Result<Protocol> TakeProtocol(std::string_view& text) {
  const size_t slash = text.find('/');
  if (slash == text.npos) return Protocol::kTcp;
  const std::string_view name = text.substr(slash + 1);
  text = text.substr(0, slash);
  if (name.find('/') != name.npos)
    return Fail(Code::kInvalid, "invalid port format - protocol can only be specified once");
  return ParseProtocol(name);
}

bool SharesAddress(const std::string& one, const std::string& other) {
  if (one.empty() || other.empty() || one == other) return true;
  auto ipv6 = [](const std::string& ip) { return ip.find(':') != ip.npos; };
  auto any = [](const std::string& ip) { return ip == "0.0.0.0" || ip == "::"; };
  return ipv6(one) == ipv6(other) && (any(one) || any(other));
}

bool Overlaps(int first, int count, int other, int other_count) {
  return first < other + other_count && other < first + count;
}

std::string RangeText(int first, int count) {
  return std::to_string(first) + (count > 1 ? "-" + std::to_string(first + count - 1) : "");
}

std::string AddressText(const std::string& ip) {
  if (ip.empty()) return "0.0.0.0";
  return ip.find(':') == ip.npos ? ip : "[" + ip + "]";
}

}  // namespace

Result<PortMapping> ParsePortMapping(std::string_view text) {
  TRY(CheckText(text));
  PortMapping port;
  port.protocol = TRY(TakeProtocol(text));
  const Parts parts = TRY(Split(text));
  if (parts.container_port.empty())
    return Fail(Code::kInvalid, "must provide a non-empty container port to publish");
  const PortRange container = TRY_WITH(ParseRange(parts.container_port), "error parsing container port");
  port.container_port = container.first;
  port.count = container.count;
  if (parts.host_ip) port.host_ip = TRY(ParseHostIp(*parts.host_ip));
  if (!parts.host_port || parts.host_port->empty()) return port;
  const PortRange host = TRY_WITH(ParseRange(*parts.host_port), "error parsing host port");
  if (host.count != container.count)
    return Fail(Code::kInvalid, "host and container port ranges have different lengths: " +
                                    std::to_string(host.count) + " vs " + std::to_string(container.count));
  port.host_port = host.first;
  return port;
}

Result<PortMapping> ParseExposedPort(std::string_view text) {
  TRY(CheckText(text));
  PortMapping port;
  port.protocol = TRY(TakeProtocol(text));
  const PortRange range = TRY(ParseRange(text));
  port.container_port = range.first;
  port.count = range.count;
  return port;
}

Result<> CheckPortMappings(const std::vector<PortMapping>& ports) {
  for (size_t i = 0; i < ports.size(); i++) {
    const PortMapping& port = ports[i];
    if (port.protocol == Protocol::kSctp)
      return Fail(Code::kUnsupported,
                  "port " + RangeText(port.container_port, port.count) +
                      "/sctp: SCTP cannot be forwarded without root; --network host does without forwarding");
    for (size_t k = 0; k < i; k++)
      if (SharesHostPort(port, ports[k]))
        return Fail(Code::kInvalid, "conflicting port mappings for host port: " +
                                        FormatPortMapping(ports[k]) + " and " + FormatPortMapping(port));
  }
  return {};
}

Result<> PublishExposed(const std::set<std::string>& exposed, std::vector<PortMapping>& ports) {
  const size_t given = ports.size();
  for (const std::string& text : exposed) {
    const PortMapping range = TRY_WITH(ParseExposedPort(text), "exposed port \"" + text + "\"");
    if (ports.size() - given + range.count > kMaxExposed)
      return Fail(Code::kInvalid, "more than " + std::to_string(kMaxExposed) +
                                      " ports are exposed: publish those that are needed, with -p");
    for (int i = 0; i < range.count; i++) {
      PortMapping port{.host_ip = "", .protocol = range.protocol};
      port.container_port = static_cast<uint16_t>(range.container_port + i);
      const bool published = std::any_of(
          ports.begin(), ports.begin() + static_cast<ptrdiff_t>(given), [&](const PortMapping& other) {
            return other.protocol == port.protocol &&
                   Overlaps(port.container_port, 1, other.container_port, other.count);
          });
      if (!published) ports.push_back(std::move(port));
    }
  }
  return {};
}

bool SharesHostPort(const PortMapping& one, const PortMapping& other) {
  return one.protocol == other.protocol && one.host_port != 0 && other.host_port != 0 &&
         Overlaps(one.host_port, one.count, other.host_port, other.count) &&
         SharesAddress(one.host_ip, other.host_ip);
}

std::string ContainerPortOf(const PortMapping& port, int index) {
  return std::to_string(port.container_port + index) + "/" + std::string(ProtocolName(port.protocol));
}

std::string HostAddressOf(const PortMapping& port, int index) {
  return AddressText(port.host_ip) + ":" + std::to_string(port.host_port + index);
}

std::string FormatPortMapping(const PortMapping& port) {
  return AddressText(port.host_ip) + ":" + RangeText(port.host_port, port.count) + "->" +
         RangeText(port.container_port, port.count) + "/" + std::string(ProtocolName(port.protocol));
}

}  // namespace wolffia
