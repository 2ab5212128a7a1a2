// wolffia rename.
#include "cmd/container_control.h"
#include "cmd/dispatch.h"
#include "engine/runtime/events.h"
#include "storage/container_edit.h"
#include "storage/container_store.h"

namespace wolffia {

Result<int> RenameVerb(const Command& command) {
  const auto& typed = command.line.arguments;
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::string id = TRY(ContainerStore(session.store).Lookup(typed[0]));
  TRY(RenameContainer(session.store, id, typed[1]));
  WriteContainerEvent(command.context, session.store, id, "rename");
  // In its networks it is known by its name. A container that ends meanwhile has the new one at its next
  // start.
  const ContainerStatus status = TRY(ContainerStore(session.store).Get(id));
  if (HasMonitor(status) && status.record.network_config.mode == "bridge")
    TRY_WITH(AskMonitor(session.store, status, NetworkRequest{}),
             "the container's networks know the old name still");
  return 0;
}

}  // namespace wolffia
