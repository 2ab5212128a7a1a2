// Unix sequenced-packet sockets between our own processes, with descriptors passed along (unix(7),
// SCM_RIGHTS).
#pragma once

#include <string>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

struct SocketPair {
  Fd ours, theirs;
};
Result<SocketPair> MakeSocketPair();  // SOCK_SEQPACKET, close-on-exec

struct Packet {
  std::string data;  // empty with no fds: the peer has closed
  std::vector<Fd> fds;
};

// Sends one packet (at most 64 KiB) with at most 8 descriptors. EPIPE is an error, never a signal.
Result<> SendPacket(int socket, std::string_view data, const std::vector<int>& fds = {});

// Receives one packet; blocks. Descriptors arrive close-on-exec. A truncated packet is kCorrupt.
Result<Packet> ReceivePacket(int socket);

}  // namespace wolffia
