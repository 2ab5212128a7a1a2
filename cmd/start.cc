// wolffia start.
#include "cmd/container_removal.h"
#include "cmd/foreground.h"
#include "cmd/run_root.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

// nullopt if it runs.
Result<std::optional<StartedContainer>> StartIfStopped(const Command& command, const Store& store,
                                                       const ContainerStatus& status,
                                                       const std::optional<AttachOptions>& options) {
  const ContainerRecord& record = status.record;
  auto taken = TRY(ContainerStore(store).Take(record.id));
  if (!taken) return std::optional<StartedContainer>();
  if (record.rootfs.empty()) TRY(OpenLayers(command, store, record.chain, record.diff_ids));
  return std::optional<StartedContainer>(
      TRY(StartMonitor(command.context, store, std::move(*taken), options)));
}

Result<ContainerStatus> Find(const Store& store, const std::string& typed) {
  ContainerStore containers(store);
  return containers.Get(TRY(containers.Lookup(typed)));
}

Result<> StartInBackground(const Command& command, const Store& store, const std::string& typed) {
  ContainerStatus status = TRY(Find(store, typed));
  auto started = TRY(StartIfStopped(command, store, status, std::nullopt));
  if (started) started->monitor.Detach();
  PrintLine(typed);
  return {};
}

Result<int> StartInForeground(const Command& command, const Store& store, const std::string& typed) {
  ContainerStatus status = TRY(Find(store, typed));
  TerminalFlags flags{.tty = status.record.tty};
  AttachOptions options =
      ForegroundOptions(flags, command.options().Bool("interactive") || status.record.interactive);
  auto started = TRY(StartIfStopped(command, store, status, options));
  if (started)
    return AwaitContainer(command, store, std::move(*started), options, status.record.id,
                          status.record.auto_remove);
  options.lossless = false;
  return AttachTo(store, status, options);
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
