#include "network/socket_facts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace wolffia {
namespace {

template <typename Value>
bool Get(int socket, int level, int name, Value& value) {
  socklen_t size = sizeof value;
  return getsockopt(socket, level, name, &value, &size) == 0;
}

}  // namespace

uint64_t NetworkOf(int socket) {
  uint64_t cookie = 0;
  return Get(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie) ? cookie : 0;
}

std::optional<SocketFacts> LookAtTcp(int socket) {
  SocketFacts facts;
  int type = 0, protocol = 0;
  tcp_info info{};
  struct stat st;
  facts.own.size = sizeof facts.own.v6;
  if (!Get(socket, SOL_SOCKET, SO_DOMAIN, facts.domain) || !Get(socket, SOL_SOCKET, SO_TYPE, type) ||
      !Get(socket, SOL_SOCKET, SO_PROTOCOL, protocol) || type != SOCK_STREAM || protocol != IPPROTO_TCP ||
      (facts.domain != AF_INET && facts.domain != AF_INET6) || !Get(socket, IPPROTO_TCP, TCP_INFO, info) ||
      fstat(socket, &st) < 0 || getsockname(socket, &facts.own.any, &facts.own.size) < 0)
    return std::nullopt;
  facts.flags = fcntl(socket, F_GETFL);
  facts.network = NetworkOf(socket);
  facts.state = info.tcpi_state;
  facts.inode = st.st_ino;
  return facts;
}

bool SocketFacts::has_port() const {
  return (domain == AF_INET ? own.v4.sin_port : own.v6.sin6_port) != 0;
}

bool SocketFacts::has_address() const {
  return domain == AF_INET ? own.v4.sin_addr.s_addr != INADDR_ANY
                           : !IN6_IS_ADDR_UNSPECIFIED(&own.v6.sin6_addr);
}

}  // namespace wolffia
