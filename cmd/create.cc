// wolffia create: what `run` does, but for starting it.
#include "cmd/new_container.h"
#include "cmd/verbs.h"

namespace wolffia {

Result<int> CreateVerb(const Command& command) {
  NewContainerCommand wanted = TRY(ReadNewContainer(command));
  IdFile id_file = TRY(IdFile::Create(command.options().String("cidfile")));
  NewContainer container = TRY(MakeContainer(command, wanted, false));
  if (auto written = id_file.Write(container.id); !written) {
    (void)ContainerStore(wanted.session.store).Remove(container.id, nullptr, true);
    return std::unexpected(std::move(written).error());
  }
  id_file.Keep();
  PrintLine(container.id);
  return 0;
}

}  // namespace wolffia
