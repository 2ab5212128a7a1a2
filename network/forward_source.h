// TransparentSocket: a socket in the container's network namespace that speaks with the address of another
// host's: the client's. What the container answers comes back to it by the mark of its packets
// (forward_namespace.h).
#pragma once

#include "network/forward_address.h"

namespace wolffia {

constexpr uint32_t kForwardMark = 0x77;  // of packets that belong to us

// A nonblocking socket of `type` (SOCK_STREAM, SOCK_DGRAM) that connects to the route's destination, from its
// source: from the same port if that is free, else from another. Where the kernel refuses the address
// (`transparent` false, or EPERM, which is remembered there), from the container's own. The connection of a
// stream may still be under way. The errors' os_errno is the kernel's.
Result<Fd> ConnectTransparent(const ForwardRoute& route, int type, bool& transparent);

}  // namespace wolffia
