// HealthChecker: runs a container's health check at its times (health_schedule.h) and keeps the results, in
// the monitor. A check is an exec like any other: wolffia-exec joins the container and starts the command as
// the container's user. What it writes goes into a pipe, of which the first bytes are kept.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/base/context.h"
#include "engine/base/event_loop.h"
#include "engine/runtime/control_protocol.h"
#include "storage/container_store.h"

namespace wolffia {

class HealthChecker {
 public:
  // `changed`: the state to be published. `failed`: the container is unhealthy, and on_failure asks for more
  // than that. `loop`, `context` and `store` must stay.
  HealthChecker(EventLoop& loop, const Context& context, const Store& store, std::string id,
                HealthConfig config, std::function<void(const HealthState&)> changed,
                std::function<void()> failed);
  HealthChecker(const HealthChecker&) = delete;
  ~HealthChecker();

  void Start(int init_pidfd);  // at each start of the container; the descriptor stays the caller's
  void Stop();                 // at each end: kills a check that runs
  void Suspend(bool wait);     // while it is paused: kills a check that runs, which is not counted
  void RunNow(std::function<void(Health)> done);
  const HealthState& state() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
