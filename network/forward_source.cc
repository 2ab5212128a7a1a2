#include "network/forward_source.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace wolffia {
namespace {

Result<> SetOption(int fd, int level, int option, int value) {
  if (setsockopt(fd, level, option, &value, sizeof value) < 0) return FailErrno("setsockopt");
  return {};
}

Result<> Bind(int fd, ForwardAddress source) {
  const bool ipv6 = source.any.sa_family == AF_INET6;
  TRY(SetOption(fd, SOL_SOCKET, SO_MARK, kForwardMark));
  TRY(ipv6 ? SetOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1) : SetOption(fd, SOL_IP, IP_TRANSPARENT, 1));
  // The same client may be connected to another port of the container.
  TRY(SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
  if (bind(fd, &source.any, source.size()) == 0) return {};
  (ipv6 ? source.v6.sin6_port : source.v4.sin_port) = 0;
  if (bind(fd, &source.any, source.size()) < 0) return FailErrno("bind");
  return {};
}

Result<Fd> Connect(const ForwardRoute& route, int type, const ForwardAddress& source) {
  Fd fd(socket(route.destination.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return FailErrno("socket");
  if (type == SOCK_STREAM) TRY(SetOption(fd.get(), SOL_TCP, TCP_NODELAY, 1));
  if (source.any.sa_family != AF_UNSPEC) TRY(Bind(fd.get(), source));
  if (connect(fd.get(), &route.destination.any, route.destination.size()) < 0 && errno != EINPROGRESS)
    return FailErrno("connect");
  return fd;
}

}  // namespace

Result<Fd> ConnectTransparent(const ForwardRoute& route, int type, bool& transparent) {
  if (transparent && route.source.any.sa_family != AF_UNSPEC) {
    auto fd = Connect(route, type, route.source);
    if (fd) return fd;
    // The four numbers of an earlier connection that still waits for its last packets: another port.
    if (fd.error().os_errno == EADDRNOTAVAIL) {
      ForwardAddress source = route.source;
      (source.any.sa_family == AF_INET6 ? source.v6.sin6_port : source.v4.sin_port) = 0;
      return Connect(route, type, source);
    }
    if (fd.error().os_errno != EPERM) return fd;
    transparent = false;
  }
  return Connect(route, type, {});
}

}  // namespace wolffia
