#include "engine/base/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

namespace wolffia {
namespace {
constexpr size_t kMaxFds = 8;
constexpr size_t kMaxPacket = 64 * 1024;
}  // namespace

Result<SocketPair> MakeSocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) return FailErrno("make a socket pair");
  return SocketPair{Fd(fds[0]), Fd(fds[1])};
}

Result<> SendPacket(int socket, std::string_view data, const std::vector<int>& fds) {
  if (data.size() > kMaxPacket || fds.size() > kMaxFds) return Fail(Code::kInvalid, "packet too large");
  iovec part{const_cast<char*>(data.data()), data.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t n;
  do n = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) return FailErrno("send to a process of ours");
  return {};
}

Result<Packet> ReceivePacket(int socket) {
  Packet packet;
  packet.data.resize(kMaxPacket);
  iovec part{packet.data.data(), packet.data.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  int resets = 0;
  // ECONNRESET: the peer has closed with packets of ours unread. The kernel says so once, before it hands out
  // what the peer had still sent: its last words, then the end.
  do n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && (errno == EINTR || (errno == ECONNRESET && ++resets < 3)));
  if (n < 0) return FailErrno("receive from a process of ours");
  packet.data.resize(static_cast<size_t>(n));
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
      packet.fds.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Fail(Code::kCorrupt, "truncated packet");
  return packet;
}

}  // namespace wolffia
