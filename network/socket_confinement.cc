#include "network/socket_confinement.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "network/host_address.h"

namespace wolffia {
namespace {

bool AttachFilter(int socket, std::vector<sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const int lock = 1;
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 &&
         setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &lock, sizeof lock) == 0;
}

IpAddress AddressOf(const BypassPeer& peer) {
  IpAddress address;
  const bool mapped = peer.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr);
  address.v6 = peer.any.sa_family == AF_INET6 && !mapped;
  const void* bytes = address.v6 ? peer.v6.sin6_addr.s6_addr
                      : mapped   ? peer.v6.sin6_addr.s6_addr + 12
                                 : static_cast<const void*>(&peer.v4.sin_addr);
  memcpy(address.bytes.data(), bytes, address.size());
  return address;
}

}  // namespace

Result<SocketConfinement> SocketConfinement::Make() {
  return SocketConfinement(TRY(NetlinkSocket::Open(NETLINK_ROUTE)));
}

bool SocketConfinement::Confine(int socket, const BypassPeer& peer, bool host_loopback) {
  if (AttachFilter(socket, PeerFilter(peer)) || host_loopback) return true;
  const std::optional<int> interface = FindInterfaceTo(routes_, AddressOf(peer));
  return interface && setsockopt(socket, SOL_SOCKET, SO_BINDTOIFINDEX, &*interface, sizeof *interface) == 0;
}

bool SocketConfinement::ConfineListener(int socket, bool host_loopback) {
  return AttachFilter(socket, ListenFilter()) || host_loopback;
}

}  // namespace wolffia
