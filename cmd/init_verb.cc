// wolffia init: everything of a start but its last step.
#include "cmd/container_control.h"
#include "cmd/container_launch.h"
#include "cmd/container_removal.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

Result<> InitOne(const Command& command, const Store& store, const ContainerStatus& status) {
  if (HasMonitor(status))
    return ImproperState(status, "container " + status.record.id + " has already been created in runtime");
  auto started = TRY(LaunchIfStopped(command, store, status, std::nullopt, StartMode::kInit));
  if (started) started->monitor.Detach();
  return {};
}

}  // namespace

Result<int> InitVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  if (command.options().Bool("all"))
    std::erase_if(containers, [](const ChosenOne& one) { return HasMonitor(one.status); });
  return ForEachContainer(containers,
                          [&](const ChosenOne& one) { return InitOne(command, session.store, one.status); });
}

}  // namespace wolffia
