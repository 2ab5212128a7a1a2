// wolffia rename.
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
  return 0;
}

}  // namespace wolffia
