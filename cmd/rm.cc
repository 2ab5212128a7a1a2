// wolffia rm.
#include <algorithm>

#include "cmd/container_removal.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

Result<> RemoveOne(const Command& command, const Session& session, const std::string& typed) {
  ContainerStore containers(session.store);
  bool force = command.options().Bool("force");
  bool ignore = force || command.options().Bool("ignore");
  auto id = containers.Lookup(typed);
  if (!id) {
    if (id.error().code == Code::kNotFound && ignore) return {};
    return std::unexpected(id.error());
  }
  auto removed = RemoveContainer(command.context, session.store, *id, force);
  if (!removed && removed.error().code == Code::kBusy && !force)
    return Fail(Code::kBusy,
                "cannot remove container " + *id +
                    " as it is running - running or paused containers cannot be removed without force");
  if (!removed && !(removed.error().code == Code::kNotFound && ignore)) return removed;
  PrintLine(typed);
  return {};
}

}  // namespace

Result<int> RmVerb(const Command& command) {
  std::vector<std::string> typed = command.line.arguments;
  bool all = command.options().Bool("all");
  if (all && !typed.empty()) return Fail(Code::kInvalid, "--all takes no container names");
  if (!all && typed.empty() && !command.options().Bool("ignore"))
    return Fail(Code::kInvalid, "a container's name or id is missing\nSee 'wolffia rm --help'");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  if (all)
    for (const ContainerStatus& status : TRY(ContainerStore(session.store).List()))
      typed.push_back(status.record.id);
  int code = 0;
  for (const std::string& name : typed) {
    auto removed = RemoveOne(command, session, name);
    if (removed) continue;
    PrintError(removed.error());
    code = std::max(code, RemovalExitCode(removed.error()));
  }
  return code;
}

}  // namespace wolffia
