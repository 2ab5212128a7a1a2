#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {

Result<int> TopVerb(const Command& command);
Result<int> StatsVerb(const Command& command);
Result<int> PortVerb(const Command& command);
Result<int> RenameVerb(const Command& command);
Result<int> ContainerPruneVerb(const Command& command);
Result<int> SystemDfVerb(const Command& command);
Result<int> SystemPruneVerb(const Command& command);

std::span<const VerbEntry> ListsEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"ps", PsVerb},
      {"inspect", InspectVerb},
      {"top", TopVerb},
      {"stats", StatsVerb},
      {"port", PortVerb},
      {"rename", RenameVerb},
      {"container prune", ContainerPruneVerb},
      {"system df", SystemDfVerb},
      {"system prune", SystemPruneVerb},
  };
  return kEntries;
}

}  // namespace wolffia
