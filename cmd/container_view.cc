#include "cmd/container_view.h"

#include <algorithm>

#include "cmd/human.h"

namespace wolffia {

std::string StatusText(const ContainerStatus& status, int64_t now_ns) {
  switch (status.state) {
    case ContainerState::kCreated:
      return "Created";
    case ContainerState::kRunning: {
      if (!status.started) return "Starting";
      return "Up " + HumanDuration(std::max<int64_t>(0, now_ns - status.started->started_ns));
    }
    case ContainerState::kExited:
      return "Exited (" + std::to_string(status.exited->exit_code) + ") " +
             HumanAgo(status.exited->finished_ns, now_ns);
    case ContainerState::kCrashed:
      return "Crashed";
  }
  return "";
}

Result<RuntimeSpec> ReadSpec(const Store& store, const std::string& id) {
  std::string path = ContainerStore(store).DirectoryOf(id) + "/spec.json";
  return RuntimeSpec::Parse(TRY(ReadFile(path, 16 << 20))).With("container " + id.substr(0, 12));
}

std::vector<SpecMount> UserMounts(const RuntimeSpec& spec, const std::string& container_dir) {
  static constexpr std::string_view kOwn[] = {"/proc",       "/dev", "/dev/pts",      "/dev/shm",
                                              "/dev/mqueue", "/sys", "/sys/fs/cgroup"};
  std::vector<SpecMount> mounts;
  for (const SpecMount& mount : spec.mounts) {
    bool from_us = mount.source.starts_with(container_dir + "/") || mount.source.ends_with("/wolffia-init");
    bool own = std::ranges::find(kOwn, mount.destination) != std::end(kOwn) &&
               (mount.type != "bind" || mount.source == mount.destination);
    if (!from_us && !own) mounts.push_back(mount);
  }
  return mounts;
}

}  // namespace wolffia
