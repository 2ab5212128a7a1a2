#include "network/forward_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "network/forward_stream.h"

namespace wolffia {
namespace {

// The fast path makes it listen or not (bypass_ports.h), which must not keep us awake: edges, not levels.
constexpr uint32_t kEvents = EPOLLIN | EPOLLET;
constexpr int kAcceptsAtOnce = 64;  // before those that are there have their turn

// Of the new connection alone (accept(2)): the next one may be well.
bool IsOfOneConnection(int os_errno) {
  return os_errno == ECONNABORTED || os_errno == EINTR || os_errno == EPROTO || os_errno == ENETDOWN ||
         os_errno == ENOPROTOOPT || os_errno == EHOSTDOWN || os_errno == ENONET || os_errno == EHOSTUNREACH ||
         os_errno == EOPNOTSUPP || os_errno == ENETUNREACH || os_errno == ETIMEDOUT || os_errno == EPERM;
}

}  // namespace

Result<> ForwardListener::Start() {
  return state_.loop.Watch(socket_.get(), kEvents, this);
}

void ForwardListener::Ready(uint32_t) {
  for (int i = 0; i < kAcceptsAtOnce; i++) {
    if (state_.streams >= state_.max_streams) return Pause();
    ForwardAddress address;
    socklen_t size = sizeof address;
    Fd client(accept4(socket_.get(), &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
      ForwardStream::Begin(state_, std::move(client), address, container_port_);
      continue;
    }
    if (errno == EAGAIN || errno == EINVAL) return;
    if (IsOfOneConnection(errno)) continue;
    // No descriptors or no memory: those of others, or of the host, whose end nobody tells us.
    state_.loop.SetTick(state_.tick);
    return Pause();
  }
  state_.loop.Change(socket_.get(), kEvents, this);  // there may be more
}

void ForwardListener::Pause() {
  paused_ = true;
  state_.loop.Change(socket_.get(), 0, this);
}

void ForwardListener::Resume() {
  if (!paused_) return;
  paused_ = false;
  state_.loop.Change(socket_.get(), kEvents, this);
}

}  // namespace wolffia
