#include "storage/overlay/request_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace wolffia {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kForgetPatience = std::chrono::milliseconds(1000);
constexpr auto kForgetPause = std::chrono::microseconds(100);
// A request that took longer than this is slow, as are the next ones of its kind.
constexpr auto kSlow = std::chrono::microseconds(200);
constexpr uint8_t kSlowRequests = 32;
// So many requests without a pause come from more than one process.
constexpr int kSuccessive = 16;

// A process is followed after so many small requests, each within kSoon of the answer before. Fewer would
// cost more to follow than they gain.
constexpr int kFollowAfter = 6;
constexpr auto kSoon = std::chrono::microseconds(300);
// The follower without a request for so long gives its turn back.
constexpr int kIdleMilliseconds = 2;
// It loses it if it did not get to run for so long.
constexpr auto kFollowerPatience = std::chrono::milliseconds(10);
// Before following again when it was not worth it.
constexpr std::chrono::milliseconds kFirstPause(5), kLongestPause(2000);
// So many requests of one turn were worth it.
constexpr uint64_t kWorthIt = 256;
constexpr uint64_t kWorthLittle = 32;

bool IsForget(uint32_t opcode) {
  return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
}

}  // namespace

RequestReader::RequestReader(int fd, const std::atomic<bool>& stopping)
    : fd_(fd), stopping_(stopping), pause_(kFirstPause) {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

bool RequestReader::WantsFollower() {
  if (state_.load(std::memory_order_relaxed) != Follower::kWanted) return false;
  Follower wanted = Follower::kWanted;
  return state_.compare_exchange_strong(wanted, Follower::kStarting);
}

uint64_t RequestReader::Take(Role role) {
  std::unique_lock lock(mutex_);
  if (!(role == Role::kAny ? AwaitAny(lock) : AwaitFollowing(lock))) return 0;
  taken_ = true;
  serving_ = false;
  ticket_ = ++last_ticket_;
  return last_ticket_;
}

bool RequestReader::AwaitAny(std::unique_lock<std::mutex>& lock) {
  waiting_.fetch_add(1);
  while ((taken_ || state_ == Follower::kLeading) && !Over()) {
    if (!active_) {
      turn_.wait(lock);
      continue;
    }
    const uint64_t before = requests_;
    auto patience = state_ == Follower::kLeading ? kFollowerPatience : kPatience;
    if (turn_.wait_for(lock, patience) == std::cv_status::no_timeout || requests_ != before) continue;
    if (state_ == Follower::kLeading) {
      // It has nothing to do, or its client goes on with work of its own; or else it does not get to run.
      pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
      const bool starves = poll(&waiting, 1, 0) > 0;
      if (!follower_sleeps_) follower_.Release();
      StopFollowing(!starves);
      break;
    }
    if (serving_) break;  // the same request as kPatience ago: its thread gets no other one
    active_ = false;
  }
  waiting_.fetch_sub(1);
  return !Over();
}

bool RequestReader::AwaitFollowing(std::unique_lock<std::mutex>& lock) {
  if (state_ == Follower::kStarting) follower_.Enlist();
  if (state_ != Follower::kLeading) state_ = Follower::kWaiting;
  follow_.wait(lock, [this] { return Over() || state_ == Follower::kLeading; });
  return !Over();
}

void RequestReader::PassLocked(uint64_t ticket) {
  if (ticket_ != ticket) return;
  ticket_ = 0;
  taken_ = false;
  turn_.notify_one();
}

void RequestReader::Pass(uint64_t ticket) {
  std::lock_guard lock(mutex_);
  if (ticket_ == ticket && state_ == Follower::kLeading) StopFollowing(true);
  PassLocked(ticket);
}

void RequestReader::StopFollowing(bool paid) {
  state_ = Follower::kWaiting;
  const uint64_t served = requests_ - followed_from_;
  if (paid && served >= kWorthIt) {
    pause_ = kFirstPause;
  } else if (!paid || served < kWorthLittle) {
    follow_after_ = Clock::now() + pause_;
    pause_ = std::min<Clock::duration>(pause_ * 2, kLongestPause);
  }
}

void RequestReader::Finish() {
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
  }
  Wake();
}

void RequestReader::Wake() {
  std::lock_guard lock(mutex_);
  turn_.notify_all();
  follow_.notify_all();
}

// Whatever it is, it counts as a FORGET until Begin has seen it.
ssize_t RequestReader::ReadDevice(void* buffer, size_t size) {
  forgetting_.fetch_add(1);
  const ssize_t n = read(fd_, buffer, size);
  if (n < 0) forgetting_.fetch_sub(1);
  return n;
}

ssize_t RequestReader::Read(uint64_t ticket, Role role, void* buffer, size_t size) {
  ssize_t n = ReadDevice(buffer, size);
  if (n >= 0) {
    ++successive_;
    return n;
  }
  successive_ = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    // ENOENT: the request was interrupted before it could be read.
    if (errno != EAGAIN && errno != EINTR && errno != ENOENT) return -errno;
    if (errno == EAGAIN) {
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      follower_sleeps_ = role == Role::kFollower;
      const bool idle = poll(&ready, 1, role == Role::kFollower ? kIdleMilliseconds : -1) == 0;
      follower_sleeps_ = false;
      if (idle) Pass(ticket);
      if (!Has(ticket)) return -EAGAIN;
    }
    n = ReadDevice(buffer, size);
    if (n >= 0) return n;
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
      return false;
    default:
      return opcode >= kFuseOpcodes || slow_[opcode].load(std::memory_order_relaxed) == 0;
  }
}

// Whether the thread that serves this request can keep the turn.
bool RequestReader::Observe(const fuse_in_header& request, Role role, Clock::time_point now) {
  if (IsForget(request.opcode)) return true;
  const bool soon = request.pid == client_ && now - answered_.load() < kSoon;
  client_ = request.pid;
  alone_ = soon ? alone_ + 1 : 0;
  return IsQuick(request.opcode) && (role == Role::kFollower || successive_ < kSuccessive);
}

RequestReader::Service RequestReader::Begin(uint64_t ticket, Role role, const fuse_in_header& request) {
  Service service{ticket, role, request.opcode, request.pid, Clock::now()};
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (!IsForget(request.opcode)) forgetting_.fetch_sub(1);
  if (!Observe(request, role, service.begun)) {
    successive_ = 0;
    alone_ = 0;
    Pass(ticket);
    return service;
  }
  serving_ = true;
  if (!active_.exchange(true)) Wake();
  return service;
}

void RequestReader::AwaitForgets(uint64_t ticket) {
  Pass(ticket);
  for (const auto begun = Clock::now(); Clock::now() - begun < (HasReader() ? kForgetPatience : kPatience);) {
    // In this order: what was there before is either served, or counted.
    pollfd device{.fd = fd_, .events = POLLIN, .revents = 0};
    if (Over() || (poll(&device, 1, 0) == 0 && forgetting_ == 0)) return;
    std::this_thread::sleep_for(kForgetPause);
  }
}

// All threads may be waiting for each other to read.
bool RequestReader::HasReader() {
  std::lock_guard lock(mutex_);
  return taken_ || state_ == Follower::kLeading || waiting_ > 0;
}

void RequestReader::End(const Service& service) {
  if (IsForget(service.opcode)) forgetting_.fetch_sub(1);
  if (Has(service.ticket)) serving_ = false;
  if (service.role == Role::kFollower) {
    // The time since Begin says nothing: its client may have run for a while.
    if (IsForget(service.opcode) || follower_.Keep(service.pid)) return;
    std::lock_guard lock(mutex_);
    if (!Has(service.ticket)) return;
    StopFollowing(false);
    PassLocked(service.ticket);
    return;
  }
  const Clock::time_point now = Clock::now();
  if (service.opcode < kFuseOpcodes) {
    std::atomic<uint8_t>& slow = slow_[service.opcode];
    if (now - service.begun > kSlow)
      slow = kSlowRequests;
    else if (uint8_t left = slow; left > 0)
      slow = static_cast<uint8_t>(left - 1);
  }
  if (!Has(service.ticket) || IsForget(service.opcode)) return;
  answered_ = now;
  if (alone_ >= kFollowAfter && follower_.Possible()) Follow(service);
}

void RequestReader::Follow(const Service& service) {
  alone_ = 0;
  std::lock_guard lock(mutex_);
  if (state_ == Follower::kNone) state_ = Follower::kWanted;
  if (state_ != Follower::kWaiting || !Has(service.ticket) || Clock::now() < follow_after_) return;
  state_ = Follower::kLeading;
  followed_from_ = requests_;
  if (!follower_.Place(service.pid)) {
    StopFollowing(false);
    return;
  }
  active_ = true;  // somebody looks after the follower from the start
  PassLocked(service.ticket);
  follow_.notify_one();
}

}  // namespace wolffia
