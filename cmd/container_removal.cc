#include "cmd/container_removal.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cmd/session.h"
#include "engine/runtime/remove_tree.h"
#include "storage/staging.h"

namespace wolffia {
namespace {

constexpr int kKillTimeoutMs = 10'000, kPollMs = 5;

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

Result<> Kill(const Store& store, const std::string& id) {
  ContainerStore containers(store);
  for (int waited = 0; waited < kKillTimeoutMs; waited += kPollMs) {
    ContainerStatus status = TRY(containers.Get(id));
    if (status.state != ContainerState::kRunning) return {};
    // Without started.json it is just being started: try again when it is.
    if (status.started && !status.exited && waited % 1000 == 0) TRY(KillInit(*status.started));
    poll(nullptr, 0, kPollMs);
  }
  return Fail(Code::kBusy,
              "container " + id.substr(0, 12) + " was killed and has not ended after 10 seconds");
}

}  // namespace

Result<> RemoveContainer(const Context& context, const Store& store, const std::string& id, bool force) {
  ContainerStore containers(store);
  std::string left_over;
  auto removed = containers.Remove(id, &left_over);
  if (!removed && removed.error().code == Code::kBusy && force) {
    TRY(Kill(store, id));
    removed = containers.Remove(id, &left_over);
  }
  if (removed || removed.error().code != Code::kDenied || left_over.empty()) return removed;
  TRY(RemoveTreeAsRoot(context, store.root_path() + "/" + left_over));
  auto again = containers.Remove(id);
  if (!again && again.error().code == Code::kNotFound) return {};  // its name went with the first attempt
  return again;
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
