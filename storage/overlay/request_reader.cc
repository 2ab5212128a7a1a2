#include "storage/overlay/request_reader.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kSpin = std::chrono::microseconds(50);
// sched_yield takes less where nobody else is ready to run.
constexpr auto kYieldOfOne = std::chrono::microseconds(8);
constexpr int kCrowdedRequests = 256;
// A request that took longer than this is slow, as are the next ones of its kind.
constexpr auto kSlow = std::chrono::microseconds(200);
constexpr uint8_t kSlowRequests = 32;
// So many requests without a pause come from more than one process.
constexpr int kSuccessive = 16;

thread_local std::chrono::steady_clock::time_point begun;

}  // namespace

RequestReader::RequestReader(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

uint64_t RequestReader::Take() {
  std::unique_lock lock(mutex_);
  waiting_.fetch_add(1);
  while (taken_ && !stopping_) {
    if (!active_) {
      turn_.wait(lock);
      continue;
    }
    uint64_t before = requests_;
    if (turn_.wait_for(lock, kPatience) == std::cv_status::no_timeout || requests_ != before) continue;
    if (serving_) break;  // the same request as kPatience ago: its thread gets no other one
    active_ = false;
  }
  waiting_.fetch_sub(1);
  if (stopping_) return 0;
  taken_ = true;
  serving_ = false;
  ticket_ = ++last_ticket_;
  return last_ticket_;
}

void RequestReader::Pass(uint64_t ticket) {
  std::lock_guard lock(mutex_);
  if (ticket_ != ticket) return;
  ticket_ = 0;
  taken_ = false;
  turn_.notify_one();
}

void RequestReader::Wake() {
  std::lock_guard lock(mutex_);
  turn_.notify_all();
}

// True while it is worth while to look again at once.
bool RequestReader::Spin(Clock::time_point start) {
  if (crowded_ > 0 || spin_ == Clock::duration()) return false;
  Clock::time_point before = Clock::now();
  if (before - start > spin_) return false;
  sched_yield();
  if (Clock::now() - before > kYieldOfOne) crowded_ = kCrowdedRequests;
  return true;
}

ssize_t RequestReader::Read(void* buffer, size_t size) {
  ssize_t n = read(fd_, buffer, size);
  if (n >= 0) {
    ++successive_;
    return n;
  }
  successive_ = 0;
  if (crowded_ > 0) --crowded_;
  const Clock::time_point start = Clock::now();
  while (!stopping_.load(std::memory_order_relaxed)) {
    // ENOENT: the request was interrupted before it could be read.
    if (errno != EAGAIN && errno != EINTR && errno != ENOENT) return -errno;
    if (errno == EAGAIN && !Spin(start)) {
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      poll(&ready, 1, -1);
    }
    n = read(fd_, buffer, size);
    if (n < 0) continue;
    spin_ = Clock::now() - start < kSpin ? Clock::duration(kSpin) : spin_ / 2;
    return n;
  }
  return -ECANCELED;
}

bool RequestReader::IsQuick(uint32_t opcode) const {
  switch (opcode) {
    case FUSE_INIT:  // and nobody reads before it has been answered
      return true;
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR:
    case FUSE_SYNCFS:
    case FUSE_FALLOCATE:
    case FUSE_COPY_FILE_RANGE:
      return false;
    default:
      return successive_ < kSuccessive &&
             (opcode >= kFuseOpcodes || slow_[opcode].load(std::memory_order_relaxed) == 0);
  }
}

void RequestReader::Begin(uint64_t ticket, uint32_t opcode) {
  begun = Clock::now();
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (!IsQuick(opcode)) {
    successive_ = 0;
    Pass(ticket);
    return;
  }
  serving_ = true;
  if (!active_.exchange(true)) Wake();
}

void RequestReader::End(uint64_t ticket, uint32_t opcode) {
  if (Has(ticket)) serving_ = false;
  if (opcode >= kFuseOpcodes) return;
  std::atomic<uint8_t>& slow = slow_[opcode];
  if (Clock::now() - begun > kSlow)
    slow = kSlowRequests;
  else if (uint8_t left = slow; left > 0)
    slow = static_cast<uint8_t>(left - 1);
}

bool LetOthersRead(const FuseRequest& request) {
  if (request.reader == nullptr || request.reader->Alone()) return false;
  request.reader->Pass(request.turn);
  return true;
}

}  // namespace wolffia
