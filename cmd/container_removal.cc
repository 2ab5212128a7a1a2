#include "cmd/container_removal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cmd/container_control.h"
#include "cmd/volume_removal.h"
#include "engine/cgroup/container_cgroup.h"
#include "engine/runtime/control_client.h"
#include "engine/runtime/events.h"
#include "engine/runtime/remove_tree.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr int kStops = 20;  // others may start it again each time

// The parent of a process, from /proc/PID/stat: the fourth field, after the name in parentheses.
Result<int> ParentOf(int pid) {
  std::string stat = TRY(ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096));
  size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 4 > stat.size())
    return Fail(Code::kCorrupt, "malformed /proc/" + std::to_string(pid) + "/stat");
  return atoi(stat.c_str() + end_of_name + 4);
}

// Kills the container's init. Its number may have been given to another process since it was written down, so
// it is held by a pidfd first and then asked whether it is still a child of the monitor.
Result<> KillInit(const StartedRecord& started) {
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, started.pid, 0)));
  if (!pidfd)
    return errno == ESRCH ? Result<>() : FailErrno("open a pidfd of process " + std::to_string(started.pid));
  auto parent = ParentOf(started.pid);
  if (!parent || *parent != started.monitor_pid) return {};
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
    return FailErrno("kill process " + std::to_string(started.pid));
  return {};
}

// Through its monitor; where that does not answer, by the pid that it wrote down.
Result<> StopForRemoval(const Store& store, const std::string& id, int64_t timeout_ms) {
  ContainerStatus status = TRY(ContainerStore(store).Get(id));
  if (status.phase == Phase::kNone) return {};
  auto client = ControlClient::Connect(store, status);
  auto stopped =
      client ? client->Ask(StopRequest{.timeout_ms = timeout_ms}) : std::unexpected(client.error());
  if (!stopped && stopped.error().code != Code::kBusy) {
    status = TRY(ContainerStore(store).Get(id));
    if (status.phase != Phase::kNone && status.started) TRY(KillInit(*status.started));
  }
  return AwaitEnd(store, status);
}

void TellRemoved(const Context& context, const Store& store, const ContainerRecord& record) {
  Event event{.time_ns = context.now(), .status = "remove", .id = record.id, .name = record.name};
  event.image = record.image_name;
  event.attributes = record.labels;
  WriteEvent(store, event);
}

void RemoveVolumesOf(const Context& context, const Store& store, const ContainerRecord& record) {
  for (const VolumeUse& use : record.volumes) {
    if (!use.anonymous) continue;
    auto removed = RemoveVolume(context, store, use.name);  // another container may use it: then it stays
    if (!removed && removed.error().code != Code::kNotFound && removed.error().code != Code::kBusy)
      context.Warn("volume " + use.name + " could not be removed: " + removed.error().what);
  }
}

Result<> RemoveFiles(const Context& context, const Store& store, const std::string& id,
                     const RemoveOptions& options) {
  ContainerStore containers(store);
  std::string left_over;
  auto removed = containers.Remove(id, &left_over);
  for (int i = 0; !removed && removed.error().code == Code::kBusy && options.force && i < kStops; i++) {
    TRY(StopForRemoval(store, id, options.timeout_ms));
    removed = containers.Remove(id, &left_over);
  }
  if (removed || removed.error().code != Code::kDenied || left_over.empty()) return removed;
  TRY(RemoveTreeAsRoot(context, store.root_path() + "/" + left_over));
  auto again = containers.Remove(id);
  if (!again && again.error().code == Code::kNotFound) return {};  // its name went with the first attempt
  return again;
}

}  // namespace

Result<> RemoveContainer(const Context& context, const Store& store, const std::string& id,
                         const RemoveOptions& options) {
  auto status = ContainerStore(store).Get(id);
  TRY(RemoveFiles(context, store, id, options));
  if (!status) return {};
  if (status->started) RemoveLeftCgroup(status->started->cgroup);
  // Its monitor says so, of one that is removed when it ends.
  if (!status->record.auto_remove) TellRemoved(context, store, status->record);
  if (options.volumes || status->record.auto_remove) RemoveVolumesOf(context, store, status->record);
  return {};
}

Result<> CheckNotShared(const Store& store, const std::string& id,
                        const std::multimap<std::string, std::string>& sharers) {
  std::string list;
  for (auto [at, end] = sharers.equal_range(id); at != end; ++at)
    if (ContainerStore(store).Get(at->second)) list += (list.empty() ? "" : ", ") + at->second;
  if (list.empty()) return {};
  return Fail(Code::kExists, "container " + id +
                                 " has dependent containers which must be removed before it: " + list +
                                 ": container already exists");
}

int RemovalExitCode(const Error& error) {
  if (error.code == Code::kNotFound) return 1;
  if (error.code == Code::kBusy) return 2;
  return kExitEngine;
}

void SweepContainers(const Context& context, const Store& store) {
  ContainerStore containers(store);
  std::vector<std::string> left_over;
  auto swept = Staging::Sweep(store, &left_over);
  if (auto too = containers.Sweep(&left_over); swept) swept = std::move(too);
  for (const std::string& path : left_over) {
    auto removed = RemoveTreeAsRoot(context, store.root_path() + "/" + path);
    if (!removed) swept = std::move(removed);
  }
  if (!left_over.empty() && swept) swept = Staging::Sweep(store);
  if (!left_over.empty() && swept) swept = containers.Sweep();
  if (!swept) context.Debug("sweep of the store: " + swept.error().what);
}

}  // namespace wolffia
