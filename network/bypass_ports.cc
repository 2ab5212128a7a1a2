#include "network/bypass_ports.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace wolffia {
namespace {

constexpr int kBacklog = 4096;  // as of the reservation

bool IsV6(const BypassPeer& address) {
  return address.any.sa_family == AF_INET6;
}

bool IsWildcard(const BypassPeer& address) {
  return IsV6(address) ? IN6_IS_ADDR_UNSPECIFIED(&address.v6.sin6_addr)
                       : address.v4.sin_addr.s_addr == INADDR_ANY;
}

// ::ffff:ADDRESS
BypassPeer Mapped(const BypassPeer& v4) {
  BypassPeer mapped{};
  mapped.v6.sin6_family = AF_INET6;
  mapped.v6.sin6_port = v4.v4.sin_port;
  mapped.v6.sin6_addr.s6_addr[10] = mapped.v6.sin6_addr.s6_addr[11] = 0xff;
  memcpy(mapped.v6.sin6_addr.s6_addr + 12, &v4.v4.sin_addr, sizeof v4.v4.sin_addr);
  mapped.size = sizeof mapped.v6;
  return mapped;
}

}  // namespace

void BypassPorts::Add(uint16_t container_port, Fd reservation) {
  BypassPeer address{};
  address.size = sizeof address.v6;
  if (getsockname(reservation.get(), &address.any, &address.size) < 0) return;
  ports_.push_back({container_port, std::move(reservation), address});
}

std::vector<const BypassPorts::Port*> BypassPorts::Of(uint16_t container_port) const {
  std::vector<const Port*> found;
  for (const Port& port : ports_)
    if (port.container_port == container_port) found.push_back(&port);
  return found;
}

// One publication is one socket of either family, or two for all addresses, IPv4 before IPv6.
std::optional<BypassPeer> BypassPorts::PlaceFor(const BypassPeer& own, bool v6_only) const {
  const auto ports = Of(ntohs(IsV6(own) ? own.v6.sin6_port : own.v4.sin_port));
  const bool both = ports.size() == 2 && ports[0]->address.v4.sin_port == ports[1]->address.v6.sin6_port &&
                    !IsV6(ports[0]->address) && IsV6(ports[1]->address) && IsWildcard(ports[0]->address) &&
                    IsWildcard(ports[1]->address);
  if (ports.size() != 1 && !both) return std::nullopt;
  if (both) return ports[IsV6(own) ? 1 : 0]->address;
  const BypassPeer& address = ports[0]->address;
  if (IsV6(address) == IsV6(own)) return address;
  return IsV6(own) && !v6_only ? std::optional(Mapped(address)) : std::nullopt;
}

void BypassPorts::Take(uint16_t container_port) const {
  for (const Port* port : Of(container_port)) shutdown(port->reservation.get(), SHUT_RD);
}

void BypassPorts::GiveBack(uint16_t container_port) const {
  for (const Port* port : Of(container_port)) listen(port->reservation.get(), kBacklog);
}

std::optional<BypassPeer> BypassPorts::TakenPort(uint16_t container_port, int family) const {
  const bool v6 = family == AF_INET6;
  for (const Port* port : Of(container_port)) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(port->reservation.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens != 0)
      continue;
    BypassPeer address = port->address;
    if (IsWildcard(address) && IsV6(address)) address.v6.sin6_addr = in6addr_loopback;
    if (IsWildcard(address) && !IsV6(address)) address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (IsV6(address) == v6) return address;
    if (v6) return Mapped(address);
  }
  return std::nullopt;
}

}  // namespace wolffia
