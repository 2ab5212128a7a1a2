#include "engine/runtime/join_target.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "engine/base/file.h"
#include "engine/runtime/network_at_path.h"

namespace wolffia {
namespace {

constexpr std::string_view kContainer = "container:";

// The parent of a process, from /proc/PID/stat: the fourth field, after the name in parentheses; 0 if it is
// gone.
int ParentOf(int pid) {
  auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  size_t end_of_name = stat ? stat->rfind(')') : std::string::npos;
  if (end_of_name == std::string::npos || end_of_name + 4 > stat->size()) return 0;
  int parent = 0;
  std::from_chars(stat->data() + end_of_name + 4, stat->data() + stat->size(), parent);
  return parent;
}

// The number may mean another process by now: it is held by a pidfd first, and then asked whose child it is.
Fd OpenInit(const StartedRecord& started) {
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, started.pid, 0)));
  if (pidfd && ParentOf(started.pid) != started.monitor_pid) pidfd.Reset();
  return pidfd;
}

Result<JoinedNamespaces> OpenAtPath(const std::string& path, const RuntimeSpec& spec) {
  NetworkAtPath at = TRY(OpenNetworkAtPath(path));
  if (at.maps.uids != spec.uid_mappings || at.maps.gids != spec.gid_mappings)
    return Fail(Code::kInvalid,
                "--network ns:" + path +
                    ": the user namespace that it belongs to maps other ids than when the container was "
                    "made, and the container's files have the ids of then; make the container anew");
  JoinedNamespaces joined;
  joined.user = std::move(at.user);
  joined.network = std::move(at.network);
  joined.flags = CLONE_NEWUSER | CLONE_NEWNET;
  return joined;
}

}  // namespace

Result<std::optional<JoinedNamespaces>> OpenJoinTarget(const Store& store, const ContainerRecord& record,
                                                       const RuntimeSpec& spec) {
  if (const std::string path(NamespacePath(record.network_config)); !path.empty())
    return std::optional(TRY(OpenAtPath(path, spec)));
  JoinedNamespaces joined;
  std::string id;
  for (const auto& [mode, flag] : {std::pair<const std::string&, uint64_t>{record.pid_mode, CLONE_NEWPID},
                                   {record.ipc_mode, CLONE_NEWIPC},
                                   {record.uts_mode, CLONE_NEWUTS},
                                   {record.network_config.mode, CLONE_NEWNET}}) {
    if (!mode.starts_with(kContainer)) continue;
    id = mode.substr(kContainer.size());
    joined.flags |= flag;
  }
  if (joined.flags == 0) return std::optional<JoinedNamespaces>();
  joined.flags |= CLONE_NEWUSER;
  auto status = ContainerStore(store).Get(id);
  if (!status)
    return std::unexpected(
        std::move(status.error()).With("some dependencies of container " + record.id + " are not there"));
  bool runs = status->state == ContainerState::kRunning && status->phase != Phase::kRestarting &&
              status->phase != Phase::kMounted && status->started && !status->exited;
  if (runs) joined.init = OpenInit(*status->started);
  if (!joined.init)
    return Fail(Code::kBusy, "some dependencies of container " + record.id + " are not started: " + id +
                                 " (" + status->record.name + "): container state improper");
  return std::optional<JoinedNamespaces>(std::move(joined));
}

}  // namespace wolffia
