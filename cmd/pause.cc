// wolffia pause, wolffia unpause.
#include "cmd/container_control.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

std::unexpected<Error> WrongState(const ContainerStatus& status, bool pause) {
  auto quoted = [](std::string_view word) { return "\"" + std::string(word) + "\""; };
  if (!pause) return ImproperState(status, quoted(status.record.id) + " is not paused, can't unpause");
  if (status.phase == Phase::kPaused)
    return ImproperState(status, quoted(status.record.id) + " is already paused");
  return ImproperState(status, quoted(StateName(status)) + " is not running, can't pause");
}

Result<> PauseOne(const Store& store, const ContainerStatus& status, bool pause) {
  const bool runs = status.phase == Phase::kRunning || status.phase == Phase::kStopping;
  if (pause ? !runs : status.phase != Phase::kPaused) return WrongState(status, pause);
  auto answer = AskMonitor(store, status, PauseRequest{pause});
  if (answer && *answer) return {};
  if (!answer && answer.error().code != Code::kBusy) return std::unexpected(std::move(answer.error()));
  return WrongState(TRY(ContainerStore(store).Get(status.record.id)), pause);  // it ended just now
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
