#include "network/forward_loop.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

constexpr int kEventsAtOnce = 256;
constexpr int kTickMs = 1000;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Result<ForwardLoop> ForwardLoop::Create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return FailErrno("epoll_create1");
  return ForwardLoop(std::move(epoll));
}

Result<> ForwardLoop::Watch(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return FailErrno("epoll_ctl");
  return {};
}

void ForwardLoop::Change(int fd, uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void ForwardLoop::Forget(int fd) {
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void ForwardLoop::RunAgain() {
  round_.swap(again_);
  for (Watcher* watcher : round_) {
    const bool gone = std::ranges::any_of(discarded_, [&](const auto& one) { return one.get() == watcher; });
    if (!gone) watcher->Ready(0);
  }
  round_.clear();
  std::erase_if(again_, [&](Watcher* watcher) {
    return std::ranges::any_of(discarded_, [&](const auto& one) { return one.get() == watcher; });
  });
  discarded_.clear();
}

Result<> ForwardLoop::Run() {
  epoll_event events[kEventsAtOnce];
  int64_t ticked = NowMs();
  while (!stop_) {
    const int timeout = !again_.empty() ? 0 : tick_ != nullptr ? kTickMs : -1;
    const int n = epoll_wait(epoll_.get(), events, kEventsAtOnce, timeout);
    if (n < 0 && errno != EINTR) return FailErrno("epoll_wait");
    for (int i = 0; i < n && !stop_; i++) static_cast<Watcher*>(events[i].data.ptr)->Ready(events[i].events);
    RunAgain();
    if (tick_ == nullptr || NowMs() - ticked < kTickMs) continue;
    ticked = NowMs();
    tick_->Ready(0);
  }
  return {};
}

}  // namespace wolffia
