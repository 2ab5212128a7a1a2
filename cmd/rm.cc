// wolffia rm.
#include <poll.h>

#include <algorithm>

#include "cmd/container_control.h"
#include "cmd/container_removal.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

constexpr int kPatienceMs = 10'000, kPauseMs = 20;

// A copy that holds its root takes a moment, as does an end; nobody wants to be told of either.
Result<> RemoveUnlessItRuns(const Command& command, const Store& store, const std::string& id,
                            const RemoveOptions& options) {
  for (int waited = 0;; waited += kPauseMs) {
    auto removed = RemoveContainer(command.context, store, id, options);
    if (removed || removed.error().code != Code::kBusy || waited >= kPatienceMs) return removed;
    const Phase phase = TRY(ContainerStore(store).Get(id)).phase;
    if (phase != Phase::kNone && phase != Phase::kMounted) return removed;
    poll(nullptr, 0, kPauseMs);
  }
}

std::unexpected<Error> ItRuns(const ContainerStatus& status) {
  return ImproperState(
      status, "cannot remove container " + status.record.id +
                  " as it is running - running or paused containers cannot be removed without force");
}

Result<> RemoveOne(const Command& command, const Store& store, const ContainerStatus& status,
                   const std::multimap<std::string, std::string>& sharers) {
  // One that only waits for its start does not run.
  const bool force = command.options().Bool("force") || status.phase == Phase::kInitialized;
  RemoveOptions options{.force = force, .volumes = command.options().Bool("volumes")};
  if (command.options().Has("time")) options.timeout_ms = TimeOption(command);
  if (!force && HasMonitor(status)) return ItRuns(status);
  TRY(CheckNotShared(store, status.record.id, sharers));
  auto removed = RemoveUnlessItRuns(command, store, status.record.id, options);
  if (removed) return {};
  if (removed.error().code == Code::kNotFound && (force || command.options().Bool("ignore"))) return {};
  if (removed.error().code != Code::kBusy || force) return removed;
  return ItRuns(status);
}

}  // namespace

Result<int> RmVerb(const Command& command) {
  const OptionValues& options = command.options();
  const bool ignore = options.Bool("force") || options.Bool("ignore");
  if (options.Has("time") && !options.Bool("force"))
    return Fail(Code::kInvalid, "--force option must be specified to use the --time option");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  auto containers =
      SelectContainers(command, session.store, {.ignore = ignore, .any = options.Bool("ignore")});
  if (!containers) {
    if (containers.error().code != Code::kNotFound) return std::unexpected(std::move(containers.error()));
    PrintError(containers.error());
    return RemovalExitCode(containers.error());
  }
  const auto sharers = TRY(ContainerStore(session.store).Sharers());
  int code = 0;
  for (const ChosenOne& one : *containers) {
    auto removed = RemoveOne(command, session.store, one.status, sharers);
    if (removed) {
      PrintLine(one.typed);
      continue;
    }
    PrintError(removed.error());
    code = std::max(code, RemovalExitCode(removed.error()));
  }
  return code;
}

}  // namespace wolffia
