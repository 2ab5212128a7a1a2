// wolffia network prune.
#include "cmd/confirmation.h"
#include "cmd/container_removal.h"
#include "cmd/dispatch.h"
#include "cmd/network_filter.h"
#include "cmd/network_removal.h"
#include "storage/network_store.h"

namespace wolffia {

Result<int> NetworkPruneVerb(const Command& command) {
  NetworkFilter filter = TRY(NetworkFilter::Parse(command.options().List("filter"),
                                                  {"label", "label!", "until"}, command.context.now()));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  if (!command.options().Bool("force") &&
      !TRY(Confirm("WARNING! This will remove all networks not used by at least one container.")))
    return 0;
  NetworkStore networks(session.store);
  int code = 0;
  for (const NetworkRecord& network : TRY(networks.List())) {
    if (network.name == kDefaultNetwork || !filter.Matches(network, [] { return false; })) continue;
    auto removed = RemoveNetwork(command.context, session.store, network);
    if (removed) PrintLine(network.name);
    // In use, or removed since we looked.
    if (removed || removed.error().code == Code::kBusy || removed.error().code == Code::kNotFound) continue;
    PrintError(removed.error());
    code = kExitEngine;
  }
  return code;
}

}  // namespace wolffia
