// wolffia stop.
#include "cmd/container_control.h"
#include "cmd/verbs.h"

namespace wolffia {

Result<int> StopVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const bool ignore = command.options().Bool("ignore");
  std::vector<ChosenOne> containers =
      TRY(SelectContainers(command, session.store, {.ignore = ignore, .any = ignore}));
  if (command.options().Bool("all") || command.options().Has("filter"))
    std::erase_if(containers, [](const ChosenOne& one) { return !HasMonitor(one.status); });
  const StopRequest request{.timeout_ms = TimeOption(command)};
  auto results = AskAll(command, session.store, containers, [&](const ContainerStatus&) { return request; });
  size_t at = 0;
  return ForEachContainer(containers, [&](const ChosenOne&) -> Result<> {
    TRY(std::move(results[at++]));
    return {};
  });
}

}  // namespace wolffia
