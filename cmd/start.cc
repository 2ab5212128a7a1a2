// wolffia start.
#include "cmd/container_removal.h"
#include "cmd/foreground.h"
#include "cmd/run_root.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

// The monitor of a container that did not run; nullopt if it runs.
Result<std::optional<MonitorClient>> StartMonitor(const Command& command, const Store& store,
                                                  const ContainerStatus& status, const MonitorStdio& stdio) {
  const ContainerRecord& record = status.record;
  auto taken = TRY(ContainerStore(store).Take(record.id));
  if (!taken) return std::optional<MonitorClient>();
  if (record.rootfs.empty()) TRY(OpenLayers(command, store, record.chain, record.diff_ids));
  MonitorClient monitor = TRY(MonitorClient::Start(command.context, store, std::move(*taken), stdio));
  TRY(monitor.AwaitStarted());
  return std::optional<MonitorClient>(std::move(monitor));
}

Result<ContainerStatus> Find(const Store& store, const std::string& typed) {
  ContainerStore containers(store);
  return containers.Get(TRY(containers.Lookup(typed)));
}

Result<> StartInBackground(const Command& command, const Store& store, const std::string& typed) {
  ContainerStatus status = TRY(Find(store, typed));
  auto monitor = TRY(StartMonitor(command, store, status, {.null = true}));
  if (monitor) monitor->Detach();
  PrintLine(typed);
  return {};
}

Result<int> StartInForeground(const Command& command, const Store& store, const std::string& typed) {
  ContainerStatus status = TRY(Find(store, typed));
  bool interactive = command.options().Bool("interactive") || status.record.interactive;
  auto monitor = TRY(StartMonitor(command, store, status, {.stdin_open = interactive}));
  if (!monitor)
    return Fail(Code::kBusy,
                "container " + typed + " is running: only one that is being started can be attached to");
  return AwaitContainer(command, store, *monitor, status.record.id, status.record.auto_remove);
}

}  // namespace

Result<int> StartVerb(const Command& command) {
  const auto& typed = command.line.arguments;
  const bool foreground = command.options().Bool("attach") || command.options().Bool("interactive");
  if (foreground && typed.size() > 1)
    return Fail(Code::kInvalid, "you cannot start and attach multiple containers at once");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  if (foreground) {
    auto code = StartInForeground(command, session.store, typed[0]);
    if (!code) return StartFailure(std::move(code).error());
    return code;
  }
  int code = 0;
  for (const std::string& name : typed) {
    auto started = StartInBackground(command, session.store, name);
    if (started) continue;
    PrintError(started.error());
    code = kExitEngine;
  }
  return code;
}

}  // namespace wolffia
