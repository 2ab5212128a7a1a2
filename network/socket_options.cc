#include "network/socket_options.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace wolffia {
namespace {

constexpr int kBufferLock = 72;  // SO_BUF_LOCK, since Linux 5.14
constexpr int kSendBufferLocked = 1;
constexpr int kReceiveBufferLocked = 2;

struct Option {
  int level, name;
};
// What a connection changes as it comes about, so that one of ours that failed does not tell what was set.
constexpr Option kMoving[] = {{IPPROTO_TCP, TCP_MAXSEG}, {IPPROTO_TCP, TCP_WINDOW_CLAMP}};
// In the order of the headers. Read from one, set on the other if it is not so there already.
constexpr Option kCopied[] = {
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_DONTROUTE},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE},
    {SOL_SOCKET, SO_PRIORITY},
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},
    {SOL_SOCKET, SO_TIMESTAMP},
    {SOL_SOCKET, SO_TIMESTAMPNS},
    {SOL_SOCKET, SO_TIMESTAMPING},
    {SOL_SOCKET, SO_BUSY_POLL},
    {SOL_SOCKET, SO_MAX_PACING_RATE},
    {SOL_SOCKET, SO_ZEROCOPY},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_CORK},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_SYNCNT},
    {IPPROTO_TCP, TCP_LINGER2},
    {IPPROTO_TCP, TCP_CONGESTION},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {IPPROTO_TCP, TCP_INQ},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IP, IP_RECVTOS},
    {IPPROTO_IP, IP_RECVTTL},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_RECVERR},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_RECVTCLASS},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
};
// With these it must stay what it is.
constexpr Option kNotCopied[] = {
    {SOL_SOCKET, SO_MARK},     {IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
    {IPPROTO_TCP, TCP_ULP},    {IPPROTO_TCP, TCP_REPAIR},
    {IPPROTO_IP, IP_OPTIONS},  {IPPROTO_IP, IP_TRANSPARENT},
    {IPPROTO_IP, IP_FREEBIND}, {IPPROTO_IPV6, IPV6_TRANSPARENT},
};

struct Value {
  char bytes[64] = {};
  socklen_t size = sizeof bytes;
  bool Read(int socket, const Option& option) {
    return getsockopt(socket, option.level, option.name, bytes, &size) == 0;
  }
  bool operator==(const Value& other) const {
    return size == other.size && memcmp(bytes, other.bytes, size) == 0;
  }
};

// True if both have it alike, or neither.
bool Alike(int from, int to, const Option& option, Value& wanted) {
  Value present;
  const bool has = wanted.Read(from, option), may = present.Read(to, option);
  return has == may && (!has || wanted == present);
}

bool CopyAll(int from, int to, std::span<const Option> options) {
  for (const Option& option : options) {
    Value value;
    if (Alike(from, to, option, value)) continue;
    if (setsockopt(to, option.level, option.name, value.bytes, value.size) < 0) return false;
  }
  return true;
}

// A size that nobody has chosen is left to grow by itself; the kernel tells twice of what it was told.
bool CopyBufferSizes(int from, int to) {
  int locked = 0;
  socklen_t size = sizeof locked;
  if (getsockopt(from, SOL_SOCKET, kBufferLock, &locked, &size) < 0) return false;
  for (auto [bit, name] : {std::pair{kSendBufferLocked, SO_SNDBUF}, {kReceiveBufferLocked, SO_RCVBUF}}) {
    int bytes = 0;
    if ((locked & bit) == 0) continue;
    size = sizeof bytes;
    if (getsockopt(from, SOL_SOCKET, name, &bytes, &size) < 0) return false;
    bytes /= 2;
    if (setsockopt(to, SOL_SOCKET, name, &bytes, sizeof bytes) < 0) return false;
  }
  return true;
}

// SO_GET_FILTER has the length in instructions, and copies nothing if it is asked with 0.
bool HasFilter(int socket) {
  socklen_t instructions = 0;
  return getsockopt(socket, SOL_SOCKET, SO_GET_FILTER, nullptr, &instructions) < 0 || instructions != 0;
}

bool HasInterface(int socket) {
  int interface = 0;
  socklen_t size = sizeof interface;
  return getsockopt(socket, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, &size) < 0 || interface != 0;
}

}  // namespace

bool CopySocketOptions(int from, int to, bool ours) {
  if (!ours && (HasFilter(from) || HasInterface(from))) return false;
  for (const Option& option : kNotCopied) {
    Value value;
    if (!Alike(from, to, option, value)) return false;
  }
  return CopyAll(from, to, kCopied) && (ours || CopyAll(from, to, kMoving)) && CopyBufferSizes(from, to);
}

}  // namespace wolffia
