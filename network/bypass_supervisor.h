// RunBypass: the fast path's process, `wolffia-net bypass`: in the host's network, as the user, one for each
// container that has it. It is asked about every connect(2) of the container (bypass_policy.h). Where the
// connection leads outside, it makes a TCP socket of the host's stack, sets on it what the program has set,
// begins to connect it to a copy of the address, and puts it in the place of the program's own; else the call
// goes on as if nobody had been asked. It never waits: the waiting is the kernel's, in the container.
//
// Nothing that the container changes after the copy matters: what is done is done by us, on our copy, with
// our socket, and the kernel keeps a socket that the container gets away from the host's loopback
// (socket_confinement.h). So a call that goes on in the kernel is harmless, even if descriptor and address
// are others by then. listen(2) on such a socket is refused, unless it
// is for a published port: a socket that is to listen on one is replaced when it does.
//
// UDP stays inside: one datagram to the host's loopback needs no answer, and no unprivileged means keeps an
// UDP socket of the host's stack from sending it (SO_BINDTODEVICE yields to IP_PKTINFO).
//
//   monitor                                supervisor (control socket)
//   -------                                ----------
//   kSetUp, policy + 3 descriptors    -->  a socket of the container's network; the table of calls; its user
//                                          namespace
//   kPort, port + its reservation     -->  a published TCP port (bypass_ports.h)
//   kListener, index + descriptor     -->  asks the kernel on it from now on
//                                     <--  kGone, index: no process is left behind that filter
//   closed                            -->  exits
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "network/bypass_policy.h"

namespace wolffia {

struct BypassMessage {
  enum Kind : uint32_t { kSetUp = 1, kPort, kListener, kGone };
  uint32_t kind = 0;
  uint32_t index = 0;  // of the listener; of kPort: the container's port
  BypassPolicy policy;
};

// Shared with the monitor, so that a supervisor that comes after a dead one can let its call go on. Each call
// has its own kernel's number; zero is none.
struct BypassCalls {
  static constexpr uint32_t kListeners = 256;
  uint64_t last[kListeners];  // number of the call that was received last
};

// Returns the program's exit code.
int RunBypass(int control);

}  // namespace wolffia
