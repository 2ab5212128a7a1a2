#include "engine/runtime/stream_relay.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

constexpr size_t kChunk = 64 << 10;
// A terminal that is writable takes at least a little; a longer write could block while signals wait.
constexpr size_t kSlowChunk = 4 << 10;
constexpr size_t kSpliceChunk = 1 << 20;

ssize_t Retried(auto call) {
  ssize_t n;
  do n = call();
  while (n < 0 && errno == EINTR);
  return n;
}

bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

OutputRelay::OutputRelay(Fd source, int target) : source_(std::move(source)), target_(target) {
  if (!source_) return;
  int flags = fcntl(source_.get(), F_GETFL);
  fcntl(source_.get(), F_SETFL, flags | O_NONBLOCK);
  struct stat st, from;
  if (fstat(target, &st) < 0) return;
  if (S_ISFIFO(st.st_mode) && fstat(source_.get(), &from) == 0 && S_ISFIFO(from.st_mode))
    kind_ = Target::kPipe;
  if (S_ISSOCK(st.st_mode)) kind_ = Target::kSocket;
  if (S_ISREG(st.st_mode)) kind_ = Target::kFile;
}

pollfd OutputRelay::Wanted() const {
  if (done()) return {-1, 0, 0};
  bool to_write = !pending_.empty() || target_full_;
  return to_write ? pollfd{target_, POLLOUT, 0} : pollfd{source_.get(), POLLIN, 0};
}

Result<> OutputRelay::Move() {
  if (done()) return {};
  if (kind_ == Target::kPipe && pending_.empty()) return Splice();
  if (pending_.empty()) TRY(Fill());
  return Drain();
}

Result<> OutputRelay::Splice() {
  ssize_t n = Retried([&] {
    return splice(source_.get(), nullptr, target_, nullptr, kSpliceChunk, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  });
  if (n > 0) {
    target_full_ = false;
    return {};
  }
  if (n == 0) {
    source_.Reset();
    return {};
  }
  if (WouldBlock()) {  // one of the two: wait for the target, then for the source
    target_full_ = !target_full_;
    return {};
  }
  if (errno != EINVAL) return FailErrno("write");
  kind_ = Target::kOther;  // an appending pipe, say
  target_full_ = false;
  return {};
}

Result<> OutputRelay::Fill() {
  pending_.resize(kChunk);
  ssize_t n = Retried([&] { return read(source_.get(), pending_.data(), pending_.size()); });
  bool ended = n == 0 || (n < 0 && !WouldBlock());  // EIO: no process has the terminal any more
  pending_.resize(n > 0 ? static_cast<size_t>(n) : 0);
  written_ = 0;
  if (ended) source_.Reset();
  return {};
}

Result<> OutputRelay::Drain() {
  if (pending_.empty()) return {};
  const char* data = pending_.data() + written_;
  size_t size = pending_.size() - written_;
  ssize_t n = Retried([&] {
    return kind_ == Target::kSocket
               ? send(target_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
               : write(target_, data, kind_ == Target::kFile ? size : std::min(size, kSlowChunk));
  });
  if (n < 0 && !WouldBlock()) return FailErrno("write");
  if (n > 0) written_ += static_cast<size_t>(n);
  if (written_ == pending_.size()) pending_.clear();
  return {};
}

void OutputRelay::Abandon() {
  source_.Reset();
  pending_.clear();
}

InputRelay::InputRelay(int source, Fd target, bool terminal, std::string detach_keys)
    : source_(source), target_(std::move(target)), terminal_(terminal), keys_(std::move(detach_keys)) {}

pollfd InputRelay::Wanted() const {
  if (done()) return {-1, 0, 0};
  return pending_.empty() ? pollfd{source_, POLLIN, 0} : pollfd{target_.get(), POLLOUT, 0};
}

bool InputRelay::Move() {
  if (done()) return false;
  if (pending_.empty() && !ended_) {
    char buffer[kChunk];
    ssize_t n = Retried([&] { return read(source_, buffer, sizeof buffer); });
    if (n < 0 && WouldBlock()) return false;
    // An error is an end: EIO of a terminal that we may not read, EBADF where there is no standard input.
    if (n <= 0)
      Finish();
    else if (keys_.Feed({buffer, static_cast<size_t>(n)}, pending_))
      return true;
    written_ = 0;
  }
  if (pending_.empty() || !target_) return false;
  ssize_t n =
      Retried([&] { return write(target_.get(), pending_.data() + written_, pending_.size() - written_); });
  if (n < 0 && !WouldBlock()) {
    Close();  // nobody reads it any more
    return false;
  }
  if (n > 0) written_ += static_cast<size_t>(n);
  if (written_ == pending_.size()) pending_.clear();
  if (ended_ && pending_.empty()) Close();
  return false;
}

// A terminal has no end of file but the character that stands for it while lines are being edited.
void InputRelay::Finish() {
  termios mode{};
  ended_ = true;
  if (terminal_ && tcgetattr(target_.get(), &mode) == 0 && (mode.c_lflag & ICANON) != 0)
    pending_ = static_cast<char>(mode.c_cc[VEOF]);
  else
    Close();
}

}  // namespace wolffia
