// SocketConfinement: what keeps a socket of the host's stack away from the host's loopback once it is in a
// container's hands, whatever way around BypassFilter the container may find: another ABI, io_uring, a
// descriptor exchanged while the kernel is at work, a process that the socket is sent to. The kernel holds
// it:
//
//  - a filter that hears the peer and nobody else (PeerFilter), locked. Since 6.18 only an administrator may
//    filter TCP;
//  - there, the socket is bound to the interface that leads to the peer, for good (only CAP_NET_RAW takes
//  that
//    off). The host's loopback cannot be reached by any other interface;
//  - where the container may talk to the host's loopback (allow_host_loopback), nothing need hold it.
#pragma once

#include <optional>

#include "network/bypass_policy.h"
#include "network/netlink.h"

namespace wolffia {

class SocketConfinement {
 public:
  // In the host's network.
  static Result<SocketConfinement> Make();

  // `socket` is TCP, not connected yet. False: nothing here can hold it.
  bool Confine(int socket, const BypassPeer& peer, bool host_loopback);
  // The same for one that is to listen to everybody.
  static bool ConfineListener(int socket, bool host_loopback);

 private:
  explicit SocketConfinement(NetlinkSocket routes) : routes_(std::move(routes)) {}
  NetlinkSocket routes_;
};

}  // namespace wolffia
