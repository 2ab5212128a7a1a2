#include "cmd/container_view.h"

#include <algorithm>

#include "cmd/human.h"

namespace wolffia {

namespace {

constexpr int kKilled = 137;

std::string UpText(const ContainerStatus& status, int64_t now_ns) {
  if (!status.started) return "Starting";
  std::string text = "Up " + HumanDuration(std::max<int64_t>(0, now_ns - status.started->started_ns));
  std::string health = HealthOf(status);
  return health.empty() ? text : text + " (" + health + ")";
}

std::string EndText(const ContainerStatus& status, int64_t now_ns, const std::string& word) {
  if (!status.exited) return word;
  return word + " (" + std::to_string(status.exited->exit_code) + ") " +
         HumanAgo(status.exited->finished_ns, now_ns);
}

}  // namespace

std::string StatusText(const ContainerStatus& status, int64_t now_ns) {
  if (status.state == ContainerState::kCreated) return "Created";
  if (status.state == ContainerState::kExited) return EndText(status, now_ns, "Exited");
  if (status.state == ContainerState::kCrashed) return "Crashed";
  switch (status.phase) {
    case Phase::kInitialized:
      return "Initialized";
    case Phase::kPaused:
      return "Paused";
    case Phase::kRestarting:
      return EndText(status, now_ns, "Restarting");
    case Phase::kStopping:
      return "Stopping";
    default:
      return UpText(status, now_ns);
  }
}

bool HasProcesses(const ContainerStatus& status) {
  return status.state == ContainerState::kRunning &&
         (status.phase == Phase::kRunning || status.phase == Phase::kPaused ||
          status.phase == Phase::kStopping);
}

bool IsUp(const ContainerStatus& status) {
  return HasProcesses(status) ||
         (status.state == ContainerState::kRunning && status.phase == Phase::kRestarting);
}

bool HasEnded(const ContainerStatus& status) {
  return status.state == ContainerState::kExited || status.state == ContainerState::kCrashed;
}

int ExitCodeOf(const ContainerStatus& status) {
  if (!HasEnded(status)) return 0;
  return status.exited ? status.exited->exit_code : kKilled;
}

int RestartsOf(const ContainerStatus& status) {
  if (status.state == ContainerState::kRunning) {
    if (status.live) return status.live->restarts;
    return status.started ? status.started->restarts : 0;
  }
  if (status.exited) return status.exited->restarts;
  return status.started ? status.started->restarts : 0;  // crashed
}

std::string HealthOf(const ContainerStatus& status) {
  return HasProcesses(status) && status.live && status.live->health ? status.live->health->status : "";
}

std::vector<SpecMount> UserMounts(const RuntimeSpec& spec, const std::string& container_dir) {
  static constexpr std::string_view kOwn[] = {"/proc",       "/dev", "/dev/pts",      "/dev/shm",
                                              "/dev/mqueue", "/sys", "/sys/fs/cgroup"};
  std::vector<SpecMount> mounts;
  for (const SpecMount& mount : spec.mounts) {
    const bool image = mount.source.starts_with(container_dir + "/images/");
    bool from_us =
        (mount.source.starts_with(container_dir + "/") && !image) || mount.source.ends_with("/wolffia-init");
    bool own = std::ranges::find(kOwn, mount.destination) != std::end(kOwn) &&
               (mount.type != "bind" || mount.source == mount.destination);
    if (!from_us && !own) mounts.push_back(mount);
  }
  return mounts;
}

std::vector<std::string> MountPoints(const RuntimeSpec& spec, const std::string& container_dir) {
  std::vector<std::string> points;
  for (const SpecMount& mount : UserMounts(spec, container_dir)) points.push_back(mount.destination);
  return points;
}

}  // namespace wolffia
