// ForwardListener: accepts the connections of one published TCP port. When there are as many as descriptors
// allow, it leaves them in the kernel's queue until one has ended: none is lost.
#pragma once

#include "network/forward_state.h"

namespace wolffia {

class ForwardListener : public ForwardLoop::Watcher {
 public:
  // `socket` is bound, and listens from Start on.
  ForwardListener(ForwardState& state, Fd socket, uint16_t container_port)
      : state_(state), socket_(std::move(socket)), container_port_(container_port) {}

  Result<> Start();
  void Ready(uint32_t events) override;
  // A connection has ended.
  void Resume();

 private:
  void Pause();

  ForwardState& state_;
  Fd socket_;
  uint16_t container_port_;
  bool paused_ = false;
};

}  // namespace wolffia
