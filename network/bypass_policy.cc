#include "network/bypass_policy.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace wolffia {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the fast path has not been ported to this architecture"
#endif
constexpr size_t kLeastIpv6Address = 24;  // without the scope, as RFC 2133 had it; the kernel takes it
constexpr uint32_t kLoopback = INADDR_LOOPBACK;

constexpr BypassPolicy::Prefix kAlwaysInside[] = {
    {0x00000000, 0xff000000},  // "this host"
    {0x7f000000, 0xff000000},  // loopback
    {0xa9fe0000, 0xffff0000},  // link-local
    {0xe0000000, 0xe0000000},  // multicast, reserved, broadcast
};

bool Contains(const BypassPolicy::Prefix& prefix, uint32_t address) {
  return (address & prefix.mask) == prefix.address;
}

// The address to connect to in the host's stack.
std::optional<uint32_t> OutsideIpv4(const BypassPolicy& policy, uint32_t address) {
  if (policy.allow_host_loopback && policy.gateway != 0 && address == policy.gateway) return kLoopback;
  for (const BypassPolicy::Prefix& prefix : kAlwaysInside)
    if (Contains(prefix, address)) return std::nullopt;
  for (size_t i = 0; i < policy.inside_count && i < BypassPolicy::kMaxPrefixes; i++)
    if (Contains(policy.inside[i], address)) return std::nullopt;
  return address;
}

// slirp4netns has fd00::/64 inside; ::/96 is unspecified, loopback and the long forbidden IPv4-compatible
// addresses.
bool IsOutsideIpv6(const in6_addr& address) {
  static constexpr uint8_t kZero[12] = {}, kSlirp[8] = {0xfd};
  return memcmp(&address, kZero, sizeof kZero) != 0 && memcmp(&address, kSlirp, sizeof kSlirp) != 0 &&
         address.s6_addr[0] != 0xff && !(address.s6_addr[0] == 0xfe && (address.s6_addr[1] & 0x80) != 0);
}

std::optional<BypassPeer> OutsidePeer4(const BypassPolicy& policy, std::string_view address) {
  BypassPeer peer{};
  if (address.size() < sizeof peer.v4) return std::nullopt;
  memcpy(&peer.v4, address.data(), sizeof peer.v4);
  auto outside = OutsideIpv4(policy, ntohl(peer.v4.sin_addr.s_addr));
  if (!outside || peer.v4.sin_port == 0) return std::nullopt;
  peer.v4.sin_addr.s_addr = htonl(*outside);
  peer.size = sizeof peer.v4;
  return peer;
}

std::optional<BypassPeer> OutsidePeer6(const BypassPolicy& policy, std::string_view address) {
  BypassPeer peer{};
  if (address.size() < kLeastIpv6Address) return std::nullopt;
  memcpy(&peer.v6, address.data(), std::min(address.size(), sizeof peer.v6));
  if (peer.v6.sin6_port == 0 || peer.v6.sin6_scope_id != 0) return std::nullopt;
  peer.size = sizeof peer.v6;
  if (!IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr))
    return policy.ipv6 && IsOutsideIpv6(peer.v6.sin6_addr) ? std::optional(peer) : std::nullopt;
  uint32_t mapped;
  memcpy(&mapped, peer.v6.sin6_addr.s6_addr + 12, sizeof mapped);
  auto outside = OutsideIpv4(policy, ntohl(mapped));
  if (!outside) return std::nullopt;
  mapped = htonl(*outside);
  memcpy(peer.v6.sin6_addr.s6_addr + 12, &mapped, sizeof mapped);
  return peer;
}

constexpr uint32_t ArgumentOffset(size_t index) {  // its low half
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}

sock_filter Load(uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
sock_filter IfEqual(uint32_t value, uint8_t then, uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
}
sock_filter Return(uint32_t value) {
  return BPF_STMT(BPF_RET | BPF_K, value);
}

}  // namespace

bool BypassPeer::operator==(const BypassPeer& other) const {
  return size == other.size && memcmp(&any, &other.any, size) == 0;
}

std::optional<BypassPeer> OutsidePeer(const BypassPolicy& policy, std::string_view address) {
  sa_family_t family;
  if (address.size() < sizeof family) return std::nullopt;
  memcpy(&family, address.data(), sizeof family);
  if (family == AF_INET) return OutsidePeer4(policy, address);
  if (family == AF_INET6) return OutsidePeer6(policy, address);
  return std::nullopt;
}

std::optional<uint16_t> OwnPort(const BypassPolicy& policy, std::string_view address) {
  constexpr uint32_t kLoopbackNet = 0x7f000000, kLoopbackMask = 0xff000000;
  auto is_own = [&](uint32_t v4) {
    return v4 == INADDR_ANY || (v4 & kLoopbackMask) == kLoopbackNet || (v4 == policy.address && v4 != 0);
  };
  sa_family_t family;
  if (address.size() < sizeof family) return std::nullopt;
  memcpy(&family, address.data(), sizeof family);
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    memcpy(&v4, address.data(), sizeof v4);
    return is_own(ntohl(v4.sin_addr.s_addr)) ? std::optional(ntohs(v4.sin_port)) : std::nullopt;
  }
  if (family != AF_INET6 || address.size() < kLeastIpv6Address) return std::nullopt;
  sockaddr_in6 v6{};
  memcpy(&v6, address.data(), std::min(address.size(), sizeof v6));
  uint32_t mapped;
  memcpy(&mapped, v6.sin6_addr.s6_addr + 12, sizeof mapped);
  const bool own = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)
                       ? is_own(ntohl(mapped))
                       : IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
  return own ? std::optional(ntohs(v6.sin6_port)) : std::nullopt;
}

std::vector<sock_filter> BypassFilter() {
  return {
      Load(offsetof(seccomp_data, arch)),
      IfEqual(kArchitecture, 1, 0),
      Return(SECCOMP_RET_ALLOW),
      Load(offsetof(seccomp_data, nr)),
      IfEqual(SYS_connect, 1, 0),
      IfEqual(SYS_listen, 0, 1),
      Return(SECCOMP_RET_USER_NOTIF),
      IfEqual(SYS_sendto, 3, 0),
      IfEqual(SYS_sendmmsg, 2, 0),
      IfEqual(SYS_sendmsg, 3, 0),
      Return(SECCOMP_RET_ALLOW),
      Load(ArgumentOffset(3)),  // flags of sendto and sendmmsg
      BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
      Load(ArgumentOffset(2)),  // flags of sendmsg
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MSG_FASTOPEN, 0, 1),
      Return(SECCOMP_RET_ERRNO | EOPNOTSUPP),
      Return(SECCOMP_RET_ALLOW),
  };
}

// The offsets are of the kernel's own: from the network header where they begin at SKF_NET_OFF, else from the
// TCP header.
std::vector<sock_filter> PeerFilter(const BypassPeer& peer) {
  const bool mapped = peer.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr);
  const bool v6 = peer.any.sa_family == AF_INET6 && !mapped;
  const auto network = static_cast<uint32_t>(SKF_NET_OFF);
  uint32_t words[4];
  if (v6)
    memcpy(words, &peer.v6.sin6_addr, sizeof words);
  else if (mapped)
    memcpy(words, peer.v6.sin6_addr.s6_addr + 12, sizeof words[0]);
  else
    memcpy(words, &peer.v4.sin_addr, sizeof words[0]);
  const size_t count = v6 ? 4 : 1;
  const uint32_t source = network + (v6 ? 8 : 12);  // of the packet, in its header
  std::vector<sock_filter> program;
  const size_t drop = 3 + 2 * count + 2 + 1;
  auto or_drop = [&](uint32_t value) {
    program.push_back(IfEqual(value, 0, static_cast<uint8_t>(drop - program.size() - 1)));
  };
  program.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, network));
  program.push_back(BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4));
  or_drop(v6 ? 6 : 4);
  for (size_t i = 0; i < count; i++) {
    program.push_back(Load(source + static_cast<uint32_t>(4 * i)));
    or_drop(ntohl(words[i]));
  }
  program.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0));  // the port that it comes from
  or_drop(ntohs(v6 || mapped ? peer.v6.sin6_port : peer.v4.sin_port));
  program.push_back(Return(UINT32_MAX));
  program.push_back(Return(0));
  return program;
}

std::vector<sock_filter> ListenFilter() {
  constexpr uint32_t kFlags = 13, kSynAck = 0x12;  // of the TCP header
  return {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAck),
      IfEqual(kSynAck, 0, 1),
      Return(0),
      Return(UINT32_MAX),
  };
}

}  // namespace wolffia
