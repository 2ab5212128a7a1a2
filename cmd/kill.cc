// wolffia kill.
#include "cmd/container_control.h"
#include "cmd/verbs.h"
#include "engine/runtime/stop_signal.h"

namespace wolffia {
namespace {

bool HasProcess(const ContainerStatus& status) {
  return status.phase == Phase::kRunning || status.phase == Phase::kPaused ||
         status.phase == Phase::kStopping;
}

std::unexpected<Error> NotRunning(const ContainerStatus& status) {
  return ImproperState(status, "can only kill running containers. " + status.record.id + " is in state " +
                                   std::string(StateName(status)));
}

Result<> SignalOne(const Store& store, const ContainerStatus& status, int signal) {
  if (!HasProcess(status)) return NotRunning(status);
  auto answer = AskMonitor(store, status, SignalRequest{signal});
  if (answer && *answer) return {};
  if (!answer && answer.error().code != Code::kBusy) return std::unexpected(std::move(answer.error()));
  return NotRunning(TRY(ContainerStore(store).Get(status.record.id)));  // it ended just now
}

}  // namespace

Result<int> KillVerb(const Command& command) {
  const int signal = TRY(ParseSignal(command.options().String("signal")));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  if (command.options().Bool("all"))
    std::erase_if(containers, [](const ChosenOne& one) { return !HasProcess(one.status); });
  return ForEachContainer(containers,
                          [&](const ChosenOne& one) { return SignalOne(session.store, one.status, signal); });
}

}  // namespace wolffia
