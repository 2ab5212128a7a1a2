// RunBypass: the fast path's process, `wolffia-net bypass`: in the host's network, as the user, one for each
// container that has it. It is asked about every connect(2) of the container (bypass_policy.h). Where the
// connection leads outside, it makes a TCP socket of the host's stack, sets on it what the program has set,
// connects it to a copy of the address, and puts it in the place of the program's own; else the call goes on
// as if nobody had been asked.
//
// Nothing that the container changes after the copy matters: what is done is done by us, on our copy, with
// our socket, and a socket that the container gets hears nobody but the peer that it was made for
// (PeerFilter). So a call that goes on in the kernel is harmless, even if descriptor and address are others
// by then.
//
// UDP stays inside: one datagram to the host's loopback needs no answer, and no unprivileged means keeps an
// UDP socket of the host's stack from sending it (SO_BINDTODEVICE yields to IP_PKTINFO).
//
//   monitor                                supervisor (control socket)
//   -------                                ----------
//   kSetUp, policy + 2 descriptors    -->  a socket of the container's network; the table of open calls
//   kListener, index + descriptor     -->  asks the kernel on it from now on
//                                     <--  kGone, index: no process is left behind that filter
//   closed                            -->  exits
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "network/bypass_policy.h"

namespace wolffia {

struct BypassMessage {
  enum Kind : uint32_t { kSetUp = 1, kListener, kGone };
  uint32_t kind = 0;
  uint32_t index = 0;  // of the listener
  BypassPolicy policy;
};

// Shared with the monitor, so that a supervisor that comes after a dead one can let its calls go on. Each
// call has its own kernel's number; zero is none.
struct BypassCalls {
  static constexpr uint32_t kListeners = 256, kSlots = 1024;
  uint64_t last[kListeners];  // number of the call that was received last
  struct Slot {
    uint64_t id;
    uint32_t listener;
  } slots[kSlots];
};

// Returns the program's exit code.
int RunBypass(int control);

}  // namespace wolffia
