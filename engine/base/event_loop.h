// EventLoop: epoll and one timerfd for one thread. It sleeps until a descriptor or the nearest deadline is
// due, so an idle container costs no wake-up. Callbacks run on the loop's thread and may add, change and
// remove watches, their own too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "engine/base/fd.h"

namespace wolffia {

class EventLoop {
 public:
  using Ready = std::function<void(uint32_t events)>;  // EPOLLIN | ...
  using Due = std::function<void()>;
  using TimerId = uint64_t;

  static Result<EventLoop> Create();
  EventLoop(EventLoop&&) = default;
  EventLoop& operator=(EventLoop&&) = default;

  // `fd` stays the caller's and must be forgotten before it is closed.
  Result<> Watch(int fd, uint32_t events, Ready ready);
  Result<> Change(int fd, uint32_t events);  // 0: keep it, wait for nothing but errors
  void Forget(int fd);

  static int64_t Now();  // CLOCK_MONOTONIC, nanoseconds: no clock that anybody sets
  TimerId After(int64_t nanoseconds, Due due);
  void Cancel(TimerId id);  // one that is due already, or unknown, is no error

  Result<> Run();  // until Stop, also one that came before: what ends the loop may happen while it is set up
  void Stop() { stop_ = true; }

 private:
  EventLoop() = default;
  Result<> Dispatch();
  void RunTimers();
  Result<> Arm();

  struct Watched {
    uint32_t serial = 0;  // tells a late event of a forgotten descriptor from one of its successor
    std::shared_ptr<Ready> ready;
  };
  struct Timer {
    TimerId id;
    Due due;
  };
  Fd epoll_, timer_;
  bool stop_ = false;
  uint32_t last_serial_ = 0;
  TimerId last_id_ = 0;
  int64_t armed_ = 0;  // the deadline that timer_ is set to; 0: none
  std::map<int, Watched> watches_;
  std::multimap<int64_t, Timer> timers_;
};

}  // namespace wolffia
