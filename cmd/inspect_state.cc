// The "State" object of a container.
#include <nlohmann/json.hpp>

#include "cmd/container_view.h"
#include "cmd/inspect.h"
#include "engine/base/context.h"

namespace wolffia {
namespace {

constexpr const char* kNoTime = "0001-01-01T00:00:00Z";

Value HealthValue(const ContainerStatus& status) {
  Value log = nullptr;
  int failing = 0;
  if (HasProcesses(status) && status.live && status.live->health) {
    failing = status.live->health->failing;
    log = Value::array();
    for (const HealthResult& result : status.live->health->log)
      log.push_back({{"Start", FormatTime(result.start_ns)},
                     {"End", FormatTime(result.end_ns)},
                     {"ExitCode", result.exit_code},
                     {"Output", result.output}});
  }
  return {{"Status", HealthOf(status)}, {"FailingStreak", failing}, {"Log", log}};
}

// {"cpu": {"some": {"avg10": ...}}}; what the kernel does not count is not there.
Value PressureOf(const std::vector<PressureLine>& lines) {
  Value pressure = Value::object();
  for (const PressureLine& line : lines)
    pressure[line.resource][line.who] = {{"avg10", line.avg10},
                                         {"avg60", line.avg60},
                                         {"avg300", line.avg300},
                                         {"total", line.total_us}};
  return pressure;
}

}  // namespace

Value DescribeState(const ContainerDetails& details) {
  const ContainerStatus& status = details.status;
  const bool alive = HasProcesses(status);
  const bool monitored = status.state == ContainerState::kRunning && status.started;
  const bool has_pid = alive || (monitored && status.phase == Phase::kInitialized);
  // podman: a paused container does not count as running.
  const bool running = alive && status.phase != Phase::kPaused;
  const bool ended = HasEnded(status) && status.exited;
  return {
      {"OciVersion", details.spec.oci_version},
      {"Status", std::string(StateName(status))},
      {"Running", running},
      {"Paused", status.phase == Phase::kPaused},
      {"Restarting", status.phase == Phase::kRestarting},
      {"OOMKilled", ended && status.exited->oom},
      {"Dead", false},
      {"Crashed", status.state == ContainerState::kCrashed},
      {"Pid", has_pid && status.started ? status.started->pid : 0},
      {"ConmonPid", monitored ? status.started->monitor_pid : 0},
      {"MonitorPid", monitored ? status.started->monitor_pid : 0},
      {"ExitCode", ExitCodeOf(status)},
      {"Error", status.exited ? status.exited->error : ""},
      {"StartedAt", status.started ? FormatTime(status.started->started_ns) : kNoTime},
      {"FinishedAt", status.exited ? FormatTime(status.exited->finished_ns) : kNoTime},
      {"Health", HealthValue(status)},
      {"CgroupPath", details.cgroup_path},
      {"Pressure", PressureOf(details.pressure)},
      {"CheckpointedAt", kNoTime},
      {"RestoredAt", kNoTime},
      {"StoppedByUser", ended && status.exited->stopped},
      {"LogLost", status.live ? status.live->log_lost
                  : ended     ? status.exited->log_lost
                              : 0},
  };
}

}  // namespace wolffia
