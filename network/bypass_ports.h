// BypassPorts: the ports of the host that a container publishes, for the fast path's supervisor. A program of
// the container's that listens on such a port gets a socket of the host's stack, bound where the reservation
// (port_reservation.h) is. Until then, and whenever that cannot be, the reservation's own socket listens, and
// the forwarder hears it; both share it with us, so that it is we who make it listen or not.
#pragma once

#include <optional>
#include <vector>

#include "engine/base/fd.h"
#include "network/bypass_policy.h"

namespace wolffia {

class BypassPorts {
 public:
  // `reservation` is bound to a TCP port of the host, which may listen only if SO_REUSEADDR is set on it.
  void Add(uint16_t container_port, Fd reservation);

  // Where in the host's stack a socket that is bound to `own` in the container is to listen; nullopt: the
  // port is not published, or in more ways than one socket can serve.
  std::optional<BypassPeer> PlaceFor(const BypassPeer& own, bool v6_only) const;
  // From now on connections to the port are ours, or the forwarder's again.
  void Take(uint16_t container_port) const;
  void GiveBack(uint16_t container_port) const;

  // Where the container itself is to connect to for a port of its own that was taken; nullopt: it was not.
  // `family`: of the socket.
  std::optional<BypassPeer> TakenPort(uint16_t container_port, int family) const;

 private:
  struct Port {
    uint16_t container_port;
    Fd reservation;
    BypassPeer address;  // that it is bound to
  };
  std::vector<const Port*> Of(uint16_t container_port) const;

  std::vector<Port> ports_;
};

}  // namespace wolffia
