#include "engine/runtime/input_pump.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {
namespace {

constexpr size_t kChunk = 64 << 10;      // of a pipe: all that it usually holds
constexpr size_t kTerminalChunk = 4096;  // of a terminal: all that a line may hold
constexpr int64_t kDetachNs = 20'000'000;

void MakeNonBlocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

Result<> InputPump::SetTarget(Fd target, bool tty, bool once) {
  CloseTarget();
  MakeNonBlocking(target.get());
  target_ = std::move(target);
  tty_ = tty;
  once_ = once;
  // Nobody reads a pipe any more. (A terminal's other side comes and goes.)
  if (!tty_) TRY(loop_.Watch(target_.get(), 0, [this](uint32_t) { CloseTarget(); }));
  Resume();
  return {};
}

void InputPump::Close() {
  CloseTarget();
  clients_.clear();
}

void InputPump::CloseTarget() {
  if (!target_) return;
  loop_.Forget(target_.get());
  for (const auto& [client, source] : clients_) loop_.Forget(source.get());
  target_.Reset();
  pending_ = {};
  waiting_ = close_after_ = false;
}

void InputPump::SetSize(uint16_t rows, uint16_t columns) {
  winsize size{.ws_row = rows, .ws_col = columns};
  if (tty_ && target_) ioctl(target_.get(), TIOCSWINSZ, &size);
}

Result<> InputPump::AddClient(ClientId client, Fd source) {
  MakeNonBlocking(source.get());
  const int fd = source.get();
  clients_[client] = std::move(source);
  if (target_ && !waiting_) WatchSource(client, fd);
  return {};
}

// Watched only while it can be moved: an end of file would wake us for ever.
void InputPump::WatchSource(ClientId client, int source) {
  (void)loop_.Watch(source, EPOLLIN, [this, client](uint32_t) { Move(client); });
}

void InputPump::Move(ClientId client) {
  auto found = clients_.find(client);
  if (found == clients_.end() || !target_) return;
  if (!tty_) {
    // No copy: from pipe to pipe.
    ssize_t n = splice(found->second.get(), nullptr, target_.get(), nullptr, kChunk, SPLICE_F_NONBLOCK);
    if (n > 0) return;
    if (n == 0) return AtEnd(client);
    if (errno == EPIPE) return CloseTarget();
  }
  pending_.resize(kTerminalChunk);
  ssize_t n = read(found->second.get(), pending_.data(), pending_.size());
  const int failed = errno;
  pending_.resize(n > 0 ? static_cast<size_t>(n) : 0);
  if (n > 0) return Flush();
  if (n == 0 || failed != EAGAIN) AtEnd(client);
}

void InputPump::Flush() {
  while (!pending_.empty()) {
    ssize_t n = write(target_.get(), pending_.data(), pending_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return Wait();
    if (n < 0) return CloseTarget();
    pending_.erase(0, static_cast<size_t>(n));
  }
  if (close_after_) return CloseTarget();
  if (waiting_) Resume();
}

// The container does not read just now; nor do we.
void InputPump::Wait() {
  if (waiting_) return;
  waiting_ = true;
  for (const auto& [client, source] : clients_) loop_.Forget(source.get());
  loop_.Forget(target_.get());
  (void)loop_.Watch(target_.get(), EPOLLOUT, [this](uint32_t events) {
    if (!tty_ && (events & EPOLLERR) != 0) return CloseTarget();
    Flush();
  });
}

void InputPump::Resume() {
  if (waiting_) {
    loop_.Forget(target_.get());
    if (!tty_) (void)loop_.Watch(target_.get(), 0, [this](uint32_t) { CloseTarget(); });
  }
  waiting_ = false;
  for (const auto& [client, source] : clients_) WatchSource(client, source.get());
}

void InputPump::AtEnd(ClientId client) {
  auto found = clients_.find(client);
  loop_.Forget(found->second.get());
  clients_.erase(found);
  if (!once_) return;
  if (tty_)
    // A client that has gone or detached closes its pipe too, and then its socket.
    loop_.After(kDetachNs, [this, client] { EndLine(client); });
  else if (pending_.empty())
    CloseTarget();
  else
    close_after_ = true;
}

// A terminal has no end of file but the character that stands for it while lines are being edited.
void InputPump::EndLine(ClientId client) {
  termios mode{};
  if (!target_ || !connected_(client) || tcgetattr(target_.get(), &mode) < 0 || (mode.c_lflag & ICANON) == 0)
    return;
  pending_.push_back(static_cast<char>(mode.c_cc[VEOF]));
  if (!waiting_) Flush();
}

}  // namespace wolffia
