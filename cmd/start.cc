// wolffia start.
#include "cmd/container_control.h"
#include "cmd/container_launch.h"
#include "cmd/container_removal.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

constexpr int kLooks = 20;

Result<> CheckNotPaused(const ContainerStatus& status) {
  if (status.phase != Phase::kPaused) return {};
  const std::string& id = status.record.id;
  return ImproperState(status, "unable to start container \"" + id + "\": container " + id +
                                   " must be in Created or Stopped state to be started");
}

// After a boot: --filter restart-policy=unless-stopped means those that nobody has stopped.
bool StaysStopped(const ContainerStatus& status) {
  return status.record.restart_policy == "unless-stopped" && status.exited && status.exited->stopped;
}

Result<int> StartInForeground(const Command& command, const Store& store, const ContainerStatus& status) {
  TRY(CheckNotPaused(status));
  const OptionValues& given = command.options();
  TerminalFlags flags{.tty = status.record.tty};
  flags.sig_proxy = given.Bool("sig-proxy");
  flags.detach_keys = given.String("detach-keys");
  TRY(ParseDetachKeys(flags.detach_keys));
  AttachOptions options = ForegroundOptions(flags, given.Bool("interactive") || status.record.interactive);
  // It may end, or be started by others, between the look and the deed: then another look says what to do.
  ContainerStatus now = status;
  for (int i = 0;; i++) {
    if (!HasMonitor(now)) {
      auto started = TRY(LaunchIfStopped(command, store, now, options));
      if (started)
        return AwaitContainer(command, store, std::move(*started), options, now.record.id,
                              now.record.auto_remove);
      now = TRY(ContainerStore(store).Get(now.record.id));
    }
    options.lossless = now.phase == Phase::kInitialized;
    auto attached = AttachTo(store, now, options);
    if (attached || attached.error().code != Code::kBusy || i == kLooks) return attached;
    now = TRY(ContainerStore(store).Get(now.record.id));
  }
}

}  // namespace

Result<int> StartVerb(const Command& command) {
  const OptionValues& options = command.options();
  const bool foreground = options.Bool("attach") || options.Bool("interactive");
  if (foreground && options.Bool("all"))
    return Fail(Code::kInvalid, "you cannot start and attach all containers at once");
  if (foreground && command.line.arguments.size() > 1)
    return Fail(Code::kInvalid, "you cannot start and attach multiple containers at once");
  if (command.line.arguments.empty() && !options.Bool("all") && !options.Bool("latest") &&
      !options.Has("filter"))
    return Fail(Code::kInvalid, "start requires at least one argument");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  if (foreground) {
    if (containers.size() != 1)
      return Fail(Code::kInvalid, "you cannot start and attach multiple containers at once");
    auto code = StartInForeground(command, session.store, containers[0].status);
    if (!code) return StartFailure(std::move(code).error());
    return code;
  }
  if (options.Has("filter"))
    std::erase_if(containers, [](const ChosenOne& one) { return StaysStopped(one.status); });
  if (options.Bool("all"))
    std::erase_if(containers, [](const ChosenOne& one) {
      return HasMonitor(one.status) && one.status.phase != Phase::kInitialized;
    });
  return ForEachContainer(containers, [&](const ChosenOne& one) -> Result<> {
    TRY(CheckNotPaused(one.status));
    return LaunchInBackground(command, session.store, one.status);
  });
}

}  // namespace wolffia
