// The network: what a container can do in its own, and that it does not reach the host's.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "engine/base/fd.h"
#include "engine/guarantees/inside_trial.h"

namespace wolffia {
namespace {

// A connection that must be refused: the listener is on the host.
int MustBeRefused(int domain, const sockaddr* address, socklen_t size) {
  Fd fd(socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  return connect(fd.get(), address, size) == 0 ? EISCONN : 0;
}

int ReachAbstract(const std::string& name) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  name.copy(address.sun_path + 1, sizeof address.sun_path - 2);
  return MustBeRefused(AF_UNIX, reinterpret_cast<const sockaddr*>(&address),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int ReachLoopback(uint16_t port) {
  const sockaddr_in address = Loopback(port);
  return MustBeRefused(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int RaiseLoopback() {
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  return fd ? ErrorOf(ioctl(fd.get(), SIOCSIFFLAGS, &request)) : errno;
}

int BindLowPort() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(80);
  return fd ? ErrorOf(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)) : errno;
}

int MakeTap() {
  Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd) return errno;
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  return ErrorOf(ioctl(fd.get(), TUNSETIFF, &request));
}

int OpenSocket(int domain, int type, int protocol) {
  Fd fd(socket(domain, type | SOCK_CLOEXEC, protocol));
  return fd ? 0 : errno;
}

// As the spec of a container asks for it.
int AllowPing() {
  Fd fd(open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC));
  if (!fd || write(fd.get(), "0 0", 3) < 0) return errno;
  return OpenSocket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}

int BindIpv6() {
  Fd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  return fd ? ErrorOf(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)) : errno;
}

int JoinGroup() {
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  ip_mreq group{};
  group.imr_multiaddr.s_addr = inet_addr("239.255.0.1");
  group.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
  return ErrorOf(setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
}

// What the forwarder of published ports does to keep a client's address.
int TakeForeignAddress() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof on) < 0) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = inet_addr("192.0.2.7");  // RFC 5737: nobody's
  return ErrorOf(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

}  // namespace

void TryNetwork(const InsideRequest& request) {
  TrialResults& results = *request.results;
  if (results[Trial::kNetNamespace] != 0) return;  // nothing of this is for the host's own network
  results[Trial::kNetNamespace] = RaiseLoopback();
  if (!request.abstract_name.empty()) results[Trial::kAbstractSocket] = ReachAbstract(request.abstract_name);
  if (request.loopback_port != 0) results[Trial::kHostLoopback] = ReachLoopback(request.loopback_port);
  results[Trial::kTun] = MakeTap();
  results[Trial::kLowPortInside] = BindLowPort();
  results[Trial::kPingInside] = AllowPing();
  results[Trial::kRawInside] = OpenSocket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  results[Trial::kSctpInside] = OpenSocket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
  results[Trial::kIpv6Inside] = BindIpv6();
  results[Trial::kMulticastInside] = JoinGroup();
  results[Trial::kTransparent] = TakeForeignAddress();
}

}  // namespace wolffia
