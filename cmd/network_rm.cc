// wolffia network rm.
#include <algorithm>

#include "cmd/container_removal.h"
#include "cmd/dispatch.h"
#include "cmd/network_removal.h"
#include "storage/network_store.h"

namespace wolffia {
namespace {

Result<> RemoveOne(const Command& command, const Store& store, const std::string& typed, int64_t timeout_ms) {
  NetworkStore networks(store);
  const NetworkRecord network = TRY(networks.Get(typed));
  auto removed = RemoveNetwork(command.context, store, network);
  constexpr int kAttempts = 10;  // another container may come in between
  for (int i = 0;
       i < kAttempts && !removed && removed.error().code == Code::kBusy && command.options().Bool("force");
       i++) {
    for (const std::string& id : TRY(networks.Users(network.name))) {
      auto gone = RemoveContainer(command.context, store, id, {.force = true, .timeout_ms = timeout_ms});
      if (!gone && gone.error().code != Code::kNotFound)
        return std::unexpected(std::move(gone.error()).With("network " + network.name));
    }
    removed = RemoveNetwork(command.context, store, network);
  }
  return removed;
}

}  // namespace

Result<int> NetworkRmVerb(const Command& command) {
  const int64_t seconds = command.options().Int("time", 10);
  if (seconds < 0 || seconds > INT32_MAX) return Fail(Code::kInvalid, "--time: seconds, from 0 on");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  int code = 0;
  for (const std::string& typed : command.line.arguments) {
    auto removed = RemoveOne(command, session.store, typed, seconds * 1000);
    if (removed) PrintLine(typed);
    if (removed) continue;
    if (removed.error().code == Code::kNotFound && command.options().Bool("force")) continue;
    PrintError(removed.error());
    code = std::max(code, RemovalExitCode(removed.error()));
  }
  return code;
}

}  // namespace wolffia
