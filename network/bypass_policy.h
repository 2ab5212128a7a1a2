// Which connections of a container the fast path takes, and the two filters that it stands on. Pure.
//
// What stays in the container's own stack (kInside): its loopback, its networks, link-local, multicast and
// reserved addresses, IPv6 if the container has none. Everything else goes where slirp4netns would take it:
// never to the host's loopback, unless that is allowed; then the container's gateway stands for it, as with
// slirp4netns.
#pragma once

#include <linux/filter.h>
#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "network/parts.h"

namespace wolffia {

// True if connections of a container with this network may be made by the host's stack.
inline bool UsesBypass(const NetworkConfig& config) {
  return config.mode == "slirp4netns" && config.options.bypass;
}

// Plain bytes: sent to the supervisor as they are. IPv4 in host byte order.
struct BypassPolicy {
  struct Prefix {
    uint32_t address = 0, mask = 0;
  };
  static constexpr size_t kMaxPrefixes = 16;
  Prefix inside[kMaxPrefixes] = {};  // the container's networks
  uint32_t inside_count = 0;
  uint32_t address = 0;  // the container's own
  uint32_t gateway = 0;  // stands for the host's loopback if that is allowed; 0: none
  bool allow_host_loopback = false, ipv6 = false;
};

// Where a socket is to be connected to.
struct BypassPeer {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size;
  bool operator==(const BypassPeer& other) const;
};

// Of an address as connect(2) was given it: where the host's stack is to connect to; nullopt: it stays
// inside.
std::optional<BypassPeer> OutsidePeer(const BypassPolicy& policy, std::string_view address);

// The port of an address of the container's own, on which it may listen itself: its loopback, its address in
// its network, and the unspecified one; nullopt: it is another's.
std::optional<uint16_t> OwnPort(const BypassPolicy& policy, std::string_view address);

// The container's filter: it asks about connect(2) and listen(2), and refuses data in a SYN (MSG_FASTOPEN),
// which would be out before anybody was asked. Other ABIs of the machine are not asked about: they stay
// inside.
std::vector<sock_filter> BypassFilter();

// The filter of a socket that is given to a container (socket_confinement.h): nothing is heard by it but
// `peer`.
std::vector<sock_filter> PeerFilter(const BypassPeer& peer);

// Of one that listens: no answer to a connection of its own is heard.
std::vector<sock_filter> ListenFilter();

}  // namespace wolffia
