// ForwardLoop: the forwarder's only loop: epoll with a pointer for each descriptor, nothing looked up and
// nothing allocated on an event. (The monitor's EventLoop is kinder to its users; here one event is one HTTP
// request.)
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

class ForwardLoop {
 public:
  // What is told of a descriptor.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void Ready(uint32_t events) = 0;  // EPOLLIN | ...; 0: the round that Again asked for
  };

  static Result<ForwardLoop> Create();
  ForwardLoop(ForwardLoop&&) = default;

  Result<> Watch(int fd, uint32_t events, Watcher* watcher);
  void Change(int fd, uint32_t events, Watcher* watcher);
  void Forget(int fd);
  // Once more, after the other descriptors' events.
  void Again(Watcher* watcher) { again_.push_back(watcher); }
  // Destroyed when no event of this round can be for it any more.
  void Discard(std::unique_ptr<Watcher> watcher) { discarded_.push_back(std::move(watcher)); }

  // Called about once a second, until it is nullptr again: there is something to age, or to try again.
  void SetTick(Watcher* tick) { tick_ = tick; }

  Result<> Run();  // until Stop
  void Stop() { stop_ = true; }

 private:
  explicit ForwardLoop(Fd epoll) : epoll_(std::move(epoll)) {}
  void RunAgain();

  Fd epoll_;
  Watcher* tick_ = nullptr;
  bool stop_ = false;
  std::vector<Watcher*> again_, round_;
  std::vector<std::unique_ptr<Watcher>> discarded_;
};

}  // namespace wolffia
