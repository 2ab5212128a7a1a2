// wolffia pause, wolffia unpause.
#include "cmd/container_control.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

Result<> PauseOne(const Store& store, const ContainerStatus& status, bool pause) {
  const std::string id = "\"" + status.record.id + "\"";
  if (pause && status.phase == Phase::kPaused) return ImproperState(status, id + " is already paused");
  if (pause && status.phase != Phase::kRunning && status.phase != Phase::kStopping)
    return ImproperState(status, id + " is not running, can't pause");
  if (!pause && status.phase != Phase::kPaused)
    return ImproperState(status, id + " is not paused, can't unpause");
  auto answer = TRY(AskMonitor(store, status, PauseRequest{pause}));
  if (!answer) return ImproperState(status, id + " is not running, can't " + (pause ? "pause" : "unpause"));
  return {};
}

Result<int> PauseAll(const Command& command, bool pause) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  const Phase wanted = pause ? Phase::kRunning : Phase::kPaused;
  if (command.options().Bool("all"))
    std::erase_if(containers, [&](const ChosenOne& one) { return one.status.phase != wanted; });
  return ForEachContainer(containers,
                          [&](const ChosenOne& one) { return PauseOne(session.store, one.status, pause); });
}

}  // namespace

Result<int> PauseVerb(const Command& command) {
  return PauseAll(command, true);
}

Result<int> UnpauseVerb(const Command& command) {
  return PauseAll(command, false);
}

}  // namespace wolffia
