#include "network/forward_stream.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wolffia {
namespace {

constexpr size_t kBufferBytes = 64 << 10;  // at once; shared by all connections
constexpr int kRoundBytes = 1 << 20;       // of one direction, before others have their turn
constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

// A client whose host has vanished is found after two to three minutes of silence.
constexpr int kKeepIdleSeconds = 60, kKeepIntervalSeconds = 15, kKeepProbes = 6;

char buffer[kBufferBytes];

void KeepAlive(int fd) {
  const int one = 1;
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  (void)setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, &kKeepIdleSeconds, sizeof(int));
  (void)setsockopt(fd, SOL_TCP, TCP_KEEPINTVL, &kKeepIntervalSeconds, sizeof(int));
  (void)setsockopt(fd, SOL_TCP, TCP_KEEPCNT, &kKeepProbes, sizeof(int));
  (void)setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof one);
}

// close(2) then sends a reset.
void ResetOnClose(int fd) {
  const linger now{1, 0};
  if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

int ErrorOf(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

}  // namespace

void ForwardStream::Begin(ForwardState& state, Fd client, const ForwardAddress& address,
                          uint16_t container_port) {
  std::unique_ptr<ForwardStream> stream(new ForwardStream(state));
  state.streams++;
  KeepAlive(client.get());
  stream->client_.fd = std::move(client);
  stream->client_.stream = stream->container_.stream = stream.get();
  stream->address_ = address;
  stream->container_port_ = container_port;
  ForwardStream& self = *stream.release();  // its own from now on: Close gives it back
  if (!self.Connect(false) || !state.loop.Watch(self.client_.fd.get(), kEvents, &self.client_))
    self.Close(true);
}

Result<> ForwardStream::Connect(bool ipv4_only) {
  tried_ipv4_ = ipv4_only || address_.any.sa_family == AF_INET;
  const ForwardRoute route = RouteFor(address_, container_port_, state_.target, ipv4_only);
  if (!route.possible) return Fail(Code::kNetwork, "the container has no address");
  state_.WarnOf(route);
  container_.fd = TRY(ConnectTransparent(route, SOCK_STREAM, state_.transparent));
  if (!state_.transparent)
    state_.Warn("the kernel does not allow another's address: the container sees its own as the client's");
  return state_.loop.Watch(container_.fd.get(), kEvents, &container_);
}

void ForwardStream::Happened(End& end, uint32_t events) {
  if (closed_) return;
  if (connecting_ && &end == &container_) {
    if (const int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? ErrorOf(end.fd.get()) : 0; error != 0)
      return Refused(error);
    if ((events & EPOLLOUT) == 0) return;
    connecting_ = false;
  }
  // A reset shows in the next recv, after what came before it.
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) end.readable = true;
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) end.hung_up = true;
  if ((events & EPOLLOUT) != 0) end.writable = true;
  if ((events & EPOLLERR) != 0 && end.over) return Close(true);  // nothing is read there any more
  Pump();
}

// What listens in the container may do so on IPv4 only.
void ForwardStream::Refused(int os_errno) {
  state_.loop.Forget(container_.fd.get());
  container_.fd.Reset();
  if (os_errno == ECONNREFUSED && !tried_ipv4_ && Connect(true)) return;
  Close(true);
}

void ForwardStream::Ready(uint32_t) {
  if (!closed_) Pump();
}

void ForwardStream::Pump() {
  if (connecting_) return;
  if (!Move(client_, container_) || !Move(container_, client_)) return Close(true);
  if (client_.passed_on && container_.passed_on) Close(false);
}

bool ForwardStream::Move(End& from, End& to) {
  for (int moved = 0; moved < kRoundBytes; moved += static_cast<int>(kBufferBytes)) {
    if (from.held && (!to.writable || !SendHeld(from, to))) return !to.writable;
    if (from.over && !from.passed_on) {
      from.passed_on = true;
      if (shutdown(to.fd.get(), SHUT_WR) < 0 && errno != ENOTCONN) return false;
    }
    if (from.over || !from.readable || !to.writable) return true;
    if (!ReadAndSend(from, to)) return false;
  }
  state_.loop.Again(this);
  return true;
}

// True: all of it is gone. False: the end is full (then it is not writable), or broken.
bool ForwardStream::SendHeld(End& from, End& to) {
  while (from.held_at < from.held_size) {
    const ssize_t n =
        send(to.fd.get(), &from.held[from.held_at], from.held_size - from.held_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      to.writable = errno != EAGAIN;
      return false;
    }
    from.held_at += static_cast<size_t>(n);
  }
  from.held.reset();
  return true;
}

bool ForwardStream::ReadAndSend(End& from, End& to) {
  ssize_t n = recv(from.fd.get(), buffer, sizeof buffer, 0);
  if (n < 0 && errno == EINTR) return true;
  if (n < 0) {
    from.readable = false;
    return errno == EAGAIN;
  }
  if (n == 0) {
    from.over = true;
    return true;
  }
  const auto size = static_cast<size_t>(n);
  // Less than there was room for: nothing more is there, and what comes is a new event; only an end is not,
  // if it has been told already.
  if (size < sizeof buffer && !from.hung_up) from.readable = false;
  do n = send(to.fd.get(), buffer, size, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) return false;
  const size_t sent = n < 0 ? 0 : static_cast<size_t>(n);
  if (sent == size) return true;
  to.writable = false;
  from.held = std::make_unique_for_overwrite<char[]>(size - sent);
  from.held_at = 0;
  from.held_size = size - sent;
  memcpy(from.held.get(), buffer + sent, from.held_size);
  return true;
}

void ForwardStream::Close(bool reset) {
  closed_ = true;
  if (reset) {
    ResetOnClose(client_.fd.get());
    ResetOnClose(container_.fd.get());
  }
  client_.fd.Reset();
  container_.fd.Reset();
  state_.streams--;
  state_.loop.Discard(std::unique_ptr<Watcher>(this));
  state_.stream_closed();
}

}  // namespace wolffia
