// Which address a container sees its client come from, and where the connection goes. Pure.
#pragma once

#include <sys/socket.h>

#include "network/forward_protocol.h"

namespace wolffia {

// An IPv4 or IPv6 socket address.
union ForwardAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;

  ForwardAddress() : v6{} {}
  socklen_t size() const { return any.sa_family == AF_INET ? sizeof v4 : sizeof v6; }
  uint16_t port() const { return ntohs(any.sa_family == AF_INET ? v4.sin_port : v6.sin6_port); }
};

struct ForwardRoute {
  ForwardAddress source;  // AF_UNSPEC: the container's own
  ForwardAddress destination;
  bool kept = false;          // the source is the client's own address and port
  bool possible = true;       // false: the container has no address at all
  bool other_family = false;  // an IPv6 client of a container that has IPv4 only, or the reverse
};

// A client keeps its address, unless the container could not answer it: loopback, link-local, multicast and
// unspecified ones, and the container's own, become the gateway's. `ipv4_only`: not to the IPv6 address,
// though there is one (nothing listens there).
ForwardRoute RouteFor(const ForwardAddress& client, uint16_t container_port, const ForwardTarget& target,
                      bool ipv4_only = false);

}  // namespace wolffia
