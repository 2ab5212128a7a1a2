// SocketFacts: what the kernel tells of a TCP socket, whoever made it.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "network/bypass_policy.h"

namespace wolffia {

// The cookie of the network namespace that the socket belongs to; 0: it is no socket, or the kernel is older
// than 5.14.
uint64_t NetworkOf(int socket);

struct SocketFacts {
  int domain = 0, flags = 0;  // AF_INET or AF_INET6; of open(2)
  uint64_t network = 0;       // as NetworkOf
  uint8_t state = 0;          // TCP_ESTABLISHED ... (netinet/tcp.h)
  BypassPeer own{};           // address and port; 0 where it is not bound
  ino_t inode = 0;
  bool non_blocking() const { return (flags & O_NONBLOCK) != 0; }
  bool has_port() const;
  bool has_address() const;
  bool signals() const { return (flags & O_ASYNC) != 0; }
};

// nullopt: not TCP.
std::optional<SocketFacts> LookAtTcp(int socket);

}  // namespace wolffia
