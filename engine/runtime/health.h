// HealthChecker: runs a container's health check at its times and keeps the results, in the monitor.
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
  // `changed`: the state to be published. `failed`: the container is unhealthy, and on_failure asks for more than that.
  HealthChecker(EventLoop& loop, Context& context, const Store& store, std::string id, HealthConfig config,
                std::function<void(const HealthState&)> changed, std::function<void()> failed);
  ~HealthChecker();

  void Start(int init_pidfd);
  void Stop();
  void RunNow(std::function<void(Health)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wolffia
