// What the monitor and its port forwarder (`wolffia-net ports`) say to each other, on a socket of packets:
//
//   monitor                                   forwarder
//   Namespaces {user, network}          -->   joins them, prepares the routes
//   Ports {up to 8, with their sockets} -->   keeps them; as often as needed
//                                       <--  Ready {}, or Failed {why}: then it ends
//   (listens on the TCP sockets)
//   Target {addresses}                  -->   accepts from now on; again when the addresses change
//                                       <--  Warning {what is not as promised}, each once
//   (closes its end)                    -->   ends
//
// Both ends are of the same build: a packet is a header and plain structures as they lie in memory.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/socket.h"

namespace wolffia {

enum class ForwardMessage : uint32_t { kNamespaces, kPorts, kTarget, kReady, kFailed, kWarning };

constexpr size_t kForwardPortsAtOnce = 8;  // descriptors that a packet takes

// A socket of the host, bound to its address and port.
struct ForwardPort {
  bool udp = false, ipv6 = false;
  uint16_t container_port = 0;
};

// The container's addresses, in network byte order; unspecified: it has none. Clients whose own address
// cannot be shown are shown as the gateway.
struct ForwardTarget {
  in_addr ip{}, gateway{};
  in6_addr ip6{}, gateway6{};
};

inline Result<> SendForward(int socket, ForwardMessage type, std::string_view body,
                            const std::vector<int>& fds = {}) {
  std::string packet(reinterpret_cast<const char*>(&type), sizeof type);
  return SendPacket(socket, packet.append(body), fds);
}

// The type of a packet that is at least a header long; the rest stays in it.
inline Result<ForwardMessage> TakeForwardType(Packet& packet) {
  ForwardMessage type{};
  if (packet.data.size() < sizeof type) return Fail(Code::kCorrupt, "a packet without a type");
  std::memcpy(&type, packet.data.data(), sizeof type);
  packet.data.erase(0, sizeof type);
  return type;
}

}  // namespace wolffia
