// wolffia volume rm.
#include <algorithm>

#include "cmd/container_removal.h"
#include "cmd/dispatch.h"
#include "cmd/volume_removal.h"

namespace wolffia {
namespace {

Result<> RemoveOne(const Command& command, const Store& store, const std::string& typed) {
  VolumeStore volumes(store);
  const std::string name = TRY(volumes.Get(typed)).name;
  auto removed = RemoveVolume(command.context, store, name);
  constexpr int kAttempts = 10;  // another container may come in between
  for (int i = 0;
       i < kAttempts && !removed && removed.error().code == Code::kBusy && command.options().Bool("force");
       i++) {
    for (const std::string& id : TRY(volumes.Users(name))) {
      auto gone = RemoveContainer(command.context, store, id, true);
      if (!gone && gone.error().code != Code::kNotFound)
        return std::unexpected(std::move(gone.error()).With("volume " + name));
    }
    removed = RemoveVolume(command.context, store, name);
  }
  TRY(std::move(removed));
  PrintLine(typed);
  return {};
}

}  // namespace

Result<int> VolumeRmVerb(const Command& command) {
  std::vector<std::string> typed = command.line.arguments;
  const bool all = command.options().Bool("all");
  if (all == !typed.empty())
    return Fail(Code::kInvalid, all ? "--all takes no volume names" : "a volume's name is missing, or --all");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  if (all)
    for (const VolumeRecord& record : TRY(VolumeStore(session.store).List())) typed.push_back(record.name);
  int code = 0;
  for (const std::string& name : typed) {
    auto removed = RemoveOne(command, session.store, name);
    if (removed || (all && removed.error().code == Code::kNotFound)) continue;
    if (removed.error().code == Code::kNotFound && command.options().Bool("force")) continue;
    PrintError(removed.error());
    code = std::max(code, RemovalExitCode(removed.error()));
  }
  return code;
}

}  // namespace wolffia
