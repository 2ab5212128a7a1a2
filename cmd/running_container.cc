#include "cmd/running_container.h"

#include <unistd.h>

namespace wolffia {

Result<ChosenContainer> ChooseContainer(const Command& command, const Store& store) {
  ContainerStore containers(store);
  ChosenContainer chosen{.rest = command.line.arguments};
  if (command.options().Bool("latest")) {
    std::vector<ContainerStatus> all = TRY(containers.List());
    if (all.empty()) return Fail(Code::kNotFound, "no containers exist: no such container");
    chosen.status = std::move(all.front());
    return chosen;
  }
  if (chosen.rest.empty())
    return Fail(Code::kInvalid, std::string(command.line.verb->name) +
                                    " requires the name or id of a container, or --latest");
  chosen.status = TRY(containers.Get(TRY(containers.Lookup(chosen.rest[0]))));
  chosen.rest.erase(chosen.rest.begin());
  return chosen;
}

bool TakesProcesses(const ContainerStatus& status) {
  return status.state == ContainerState::kRunning &&
         (status.phase == Phase::kRunning || status.phase == Phase::kStopping);
}

void WarnWithoutTerminal(bool tty, bool interactive) {
  if (tty && interactive && !isatty(STDIN_FILENO))
    PrintNotice("The input device is not a TTY. The --tty and --interactive flags might not work properly");
}

}  // namespace wolffia
