// wolffia restart.
#include "cmd/container_control.h"
#include "cmd/container_launch.h"
#include "cmd/container_removal.h"
#include "cmd/required_guarantees.h"
#include "cmd/verbs.h"

namespace wolffia {

// One that runs is restarted by its monitor, which never gives the container away; another one is started.
Result<int> RestartVerb(const Command& command) {
  const bool running = command.options().Bool("running");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store, {.any = running}));
  if (running && command.line.arguments.empty() && !command.options().Bool("latest")) {
    containers.clear();
    for (ContainerStatus& status : TRY(ContainerStore(session.store).List()))
      containers.push_back({status.record.id, std::move(status)});
  }
  if (running) std::erase_if(containers, [](const ChosenOne& one) { return !HasMonitor(one.status); });
  // Before anything is stopped.
  for (const ChosenOne& one : containers)
    if (HasMonitor(one.status)) TRY(CheckRequired(command, session.store, one.status.record));
  const RestartRequest request{.timeout_ms = TimeOption(command)};
  auto results = AskAll(command, session.store, containers, [&](const ContainerStatus&) { return request; });
  size_t at = 0;
  return ForEachContainer(containers, [&](const ChosenOne& one) -> Result<> {
    if (TRY(std::move(results[at++]))) return {};
    // Not `one.status`: it may have ended since.
    return LaunchInBackground(command, session.store,
                              TRY(ContainerStore(session.store).Get(one.status.record.id)));
  });
}

}  // namespace wolffia
