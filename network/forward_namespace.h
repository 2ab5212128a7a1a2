// The container's network namespace as the port forwarder needs it. Packets with the forwarder's mark,
// whatever their destination, are local: so what the container answers to a client's address comes to the
// socket that stands for the client, over the loopback, while the container's own connections to the same
// address go out as ever.
//
// TCP: connections that are accepted take the mark of their first packet (net.ipv4.tcp_fwmark_accept), which
// holds for IPv6 too. UDP has no connections: there the mark goes from a datagram to its answers by way of
// conntrack.
#pragma once

#include <cstdint>

#include "engine/base/fd.h"

namespace wolffia {

// Joins both namespaces (setns(2)), for good, and gives up all capabilities but those of its sockets. The
// process must have one thread.
Result<> EnterForwardNamespaces(int user_namespace, int net_namespace);

// Loopback up, rule and route of both families, the sysctl. May be repeated. kUnsupported: the kernel has no
// such sysctl, or it is read-only: addresses cannot be kept.
Result<> PrepareForwardRoutes();

// For UDP, once.
Result<> PrepareForwardMarks();

// After all that needs more: only what sockets of ours still need.
Result<> DropForwardCapabilities();

}  // namespace wolffia
