#include "cmd/dispatch.h"

namespace wolffia {

Result<int> NetworkConnectVerb(const Command& command);
Result<int> NetworkCreateVerb(const Command& command);
Result<int> NetworkDisconnectVerb(const Command& command);
Result<int> NetworkExistsVerb(const Command& command);
Result<int> NetworkInspectVerb(const Command& command);
Result<int> NetworkLsVerb(const Command& command);
Result<int> NetworkPruneVerb(const Command& command);
Result<int> NetworkRmVerb(const Command& command);

std::span<const VerbEntry> NetworkEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"network connect", NetworkConnectVerb},       {"network create", NetworkCreateVerb},
      {"network disconnect", NetworkDisconnectVerb}, {"network exists", NetworkExistsVerb},
      {"network inspect", NetworkInspectVerb},       {"network ls", NetworkLsVerb},
      {"network prune", NetworkPruneVerb},           {"network rm", NetworkRmVerb},
  };
  return kEntries;
}

}  // namespace wolffia
