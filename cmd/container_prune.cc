// wolffia container prune.
#include "cmd/confirmation.h"
#include "cmd/container_pruning.h"
#include "cmd/container_removal.h"
#include "cmd/dispatch.h"

namespace wolffia {

Result<int> ContainerPruneVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerFilter filter = TRY(PruneFilter(command, session.store));
  if (!options.Bool("force") && !TRY(Confirm("WARNING! This will remove all non running containers.")))
    return 0;
  SweepContainers(command.context, session.store);
  PruneReport report = TRY(PruneContainers(command.context, session.store, filter));
  for (const std::string& id : report.removed) PrintLine(id);
  for (const Error& error : report.errors) PrintError(error);
  return report.errors.empty() ? 0 : kExitEngine;
}

}  // namespace wolffia
