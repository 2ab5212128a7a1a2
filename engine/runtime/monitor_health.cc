// The monitor's part of health checks: what follows from them.
#include <csignal>

#include "engine/runtime/health.h"
#include "engine/runtime/monitor_state.h"

namespace wolffia {
namespace {

constexpr uint64_t kNobody = 0;  // in place of a client who asked

}  // namespace

void Monitor::WatchHealth(const HealthConfig& config) {
  on_failure_ = config.on_failure;
  health_ = std::make_unique<HealthChecker>(
      *loop_, context_, *store_, id_, config, [this](const HealthState&) { (void)WriteLive(); },
      [this] { Unhealthy(); });
}

// Once: a container that is being stopped goes on failing its checks.
void Monitor::Unhealthy() {
  if (phase_ != Phase::kRunning) return;
  if (on_failure_ == "kill") Kill();
  if (on_failure_ == "stop") Stop(0, -1);
  if (on_failure_ != "restart") return;
  restart_askers_.push_back(kNobody);
  Stop(0, -1);
}

void Monitor::CheckHealth(ClientId client) {
  if (health_ == nullptr || !running_ || ended_ || mode_ != StartMode::kRun || phase_ == Phase::kPaused)
    return server_->Send(client, Failed{{Code::kBusy, 0, "container " + id_ + " is not running"}});
  health_->RunNow([this, client](Health health) { server_->Send(client, health); });
}

}  // namespace wolffia
