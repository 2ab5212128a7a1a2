#include "engine/base/event_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace wolffia {
namespace {

constexpr int kBatch = 16;
constexpr int64_t kSecond = 1'000'000'000;

uint64_t KeyOf(int fd, uint32_t serial) {
  return static_cast<uint64_t>(serial) << 32 | static_cast<uint32_t>(fd);
}

}  // namespace

int64_t EventLoop::Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

Result<EventLoop> EventLoop::Create() {
  EventLoop loop;
  loop.epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!loop.epoll_) return FailErrno("make an epoll descriptor");
  loop.timer_ = Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!loop.timer_) return FailErrno("make a timer");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = KeyOf(loop.timer_.get(), 0)}};
  if (epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, loop.timer_.get(), &event) < 0)
    return FailErrno("watch the timer");
  return loop;
}

Result<> EventLoop::Watch(int fd, uint32_t events, Ready ready) {
  if (++last_serial_ == 0) ++last_serial_;  // 0 is the timer's
  epoll_event event{.events = events, .data = {.u64 = KeyOf(fd, last_serial_)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return FailErrno("watch a descriptor");
  watches_[fd] = {last_serial_, std::make_shared<Ready>(std::move(ready))};
  return {};
}

Result<> EventLoop::Change(int fd, uint32_t events) {
  auto found = watches_.find(fd);
  if (found == watches_.end()) return FailErrno("watch a descriptor", EBADF);
  epoll_event event{.events = events, .data = {.u64 = KeyOf(fd, found->second.serial)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) < 0) return FailErrno("watch a descriptor");
  return {};
}

void EventLoop::Forget(int fd) {
  if (watches_.erase(fd) != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::After(int64_t nanoseconds, Due due) {
  const int64_t now = Now();
  const int64_t wait = std::clamp<int64_t>(nanoseconds, 0, INT64_MAX - now);
  timers_.emplace(now + wait, Timer{++last_id_, std::move(due)});
  return last_id_;
}

void EventLoop::Cancel(TimerId id) {
  std::erase_if(timers_, [id](const auto& entry) { return entry.second.id == id; });
}

Result<> EventLoop::Run() {
  while (!stop_) {
    TRY(Arm());
    TRY(Dispatch());
  }
  stop_ = false;
  return {};
}

// Sets the timer to the nearest deadline, if it is not set to that already.
Result<> EventLoop::Arm() {
  const int64_t next = timers_.empty() ? 0 : std::max<int64_t>(timers_.begin()->first, 1);
  if (next == armed_) return {};
  itimerspec spec{};
  spec.it_value = {next / kSecond, next % kSecond};
  if (timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) < 0) return FailErrno("set a timer");
  armed_ = next;
  return {};
}

Result<> EventLoop::Dispatch() {
  epoll_event events[kBatch];
  int count = epoll_wait(epoll_.get(), events, kBatch, -1);
  if (count < 0 && errno != EINTR) return FailErrno("wait for events");
  for (int i = 0; i < count && !stop_; i++) {
    const int fd = static_cast<int>(events[i].data.u64 & UINT32_MAX);
    const uint32_t serial = static_cast<uint32_t>(events[i].data.u64 >> 32);
    if (serial == 0) {
      RunTimers();
      continue;
    }
    auto found = watches_.find(fd);
    if (found == watches_.end() || found->second.serial != serial) continue;
    const std::shared_ptr<Ready> ready = found->second.ready;  // it may forget itself
    (*ready)(events[i].events);
  }
  return {};
}

void EventLoop::RunTimers() {
  uint64_t expirations;
  (void)!read(timer_.get(), &expirations, sizeof expirations);
  armed_ = 0;
  const int64_t now = Now();
  // Those that are added meanwhile wait for the next round, or a timer of 0 would keep descriptors waiting.
  const TimerId newest = last_id_;
  for (;;) {
    auto due = std::find_if(timers_.begin(), timers_.end(),
                            [newest](const auto& entry) { return entry.second.id <= newest; });
    if (due == timers_.end() || due->first > now || stop_) return;
    Due call = std::move(due->second.due);
    timers_.erase(due);
    call();
  }
}

}  // namespace wolffia
