// wolffia volume prune.
#include "cmd/confirmation.h"
#include "cmd/container_removal.h"
#include "cmd/dispatch.h"
#include "cmd/volume_filter.h"
#include "cmd/volume_removal.h"

namespace wolffia {
namespace {

constexpr std::string_view kFilters = "all anonymous label label! name until";

Result<std::vector<std::string>> Unused(const VolumeStore& volumes, const VolumeFilter& filter) {
  std::vector<std::string> names;
  for (const VolumeRecord& record : TRY(volumes.List())) {
    if (!filter.Matches(record, [] { return false; })) continue;
    if (TRY(volumes.Users(record.name)).empty()) names.push_back(record.name);
  }
  return names;
}

}  // namespace

Result<int> VolumePruneVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  VolumeStore volumes(session.store);
  VolumeFilter filter =
      TRY(VolumeFilter::Parse(command.options().List("filter"), kFilters, volumes, command.context.now()));
  std::vector<std::string> unused = TRY(Unused(volumes, filter));
  if (!command.options().Bool("force")) {
    std::string warning = "WARNING! This will remove all volumes not used by at least one container.";
    if (!unused.empty()) warning += " The following volumes will be removed:";
    for (const std::string& name : unused) warning += "\n" + name;
    if (!TRY(Confirm(warning))) return 0;
  }
  int code = 0;
  for (const std::string& name : unused) {
    auto removed = RemoveVolume(command.context, session.store, name);
    if (removed) PrintLine(name);
    // Somebody has begun to use it, or removed it, since we looked.
    if (removed || removed.error().code == Code::kBusy || removed.error().code == Code::kNotFound) continue;
    PrintError(removed.error());
    code = kExitEngine;
  }
  return code;
}

}  // namespace wolffia
