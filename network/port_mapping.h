// Published ports as text: what -p, --expose and EXPOSE say, and how lists print them. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "network/parts.h"

namespace wolffia {

// -p: [[IP:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/tcp|/udp|/sctp], an IPv6 address in brackets. host_port is
// 0 where the text leaves the choice to us. kInvalid in podman's words.
Result<PortMapping> ParsePortMapping(std::string_view text);

// "80", "80/udp", "8000-8010/tcp" as EXPOSE and --expose have them: the host's side stays empty.
Result<PortMapping> ParseExposedPort(std::string_view text);

// All of -p. kInvalid: two of them want the same host port, or are sctp, which nothing without root forwards.
Result<> CheckPortMappings(const std::vector<PortMapping>& ports);

// -P: a mapping for each port of `exposed` ("80/tcp") that `ports` does not publish yet. kInvalid: there are
// more than kMaxExposed (an image may say "1-65535").
constexpr size_t kMaxExposed = 4096;
Result<> PublishExposed(const std::set<std::string>& exposed, std::vector<PortMapping>& ports);

// True if they share a port of an address of the host.
bool SharesHostPort(const PortMapping& one, const PortMapping& other);

// "80/tcp": port `index` of the mapping as the container knows it.
std::string ContainerPortOf(const PortMapping& port, int index = 0);
// "0.0.0.0:8080", "[::1]:8080": port `index` of the mapping, as listings show it.
std::string HostAddressOf(const PortMapping& port, int index = 0);
// "0.0.0.0:8080-8081->80-81/tcp", as ps shows it.
std::string FormatPortMapping(const PortMapping& port);

}  // namespace wolffia
