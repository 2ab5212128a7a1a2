// PortReservation: the ports of the host that a container publishes, bound from before it exists until it has
// ended, so that nobody else can have them meanwhile: a conflict is an error of the start, and a forwarder
// that dies loses none.
#pragma once

#include <vector>

#include "engine/base/fd.h"
#include "network/parts.h"

namespace wolffia {

struct ReservedPort {
  bool udp = false, ipv6 = false;
  uint16_t host_port = 0, container_port = 0;
  Fd socket;  // bound; of TCP it listens after Listen
};

class PortReservation {
 public:
  // Binds all of them, each on IPv4 and IPv6 where no address is given (IPv4 alone on a host without IPv6).
  // In podman's words: kBusy: one is taken; kDenied: one is too low for this user, with the sysctl and who
  // can set it. `shared`: another socket of this user may be bound to a TCP port, too (SO_REUSEPORT): the one
  // that the fast path makes.
  static Result<PortReservation> Make(const std::vector<PortMapping>& ports, bool shared = false);

  Result<> Listen();  // from now on clients are kept waiting in place of being refused
  const std::vector<ReservedPort>& ports() const { return ports_; }

 private:
  std::vector<ReservedPort> ports_;
};

// Gives those whose host_port is 0 one that is free now, ranges in a row; kBusy: there is none.
Result<> ChooseHostPorts(std::vector<PortMapping>& ports);

}  // namespace wolffia
