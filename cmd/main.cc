// wolffia: the front end. Links only what starts fast; verbs that need TLS or hashing go on as wolffia-image.
#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

constexpr VerbEntry kOwnEntries[] = {
    {"images", ImagesVerb}, {"tag", TagVerb},         {"rmi", RmiVerb},
    {"info", InfoVerb},     {"version", VersionVerb}, {"completion", CompletionVerb},
    {"help", HelpVerb},
};

Result<int> Dispatch(const Command& command) {
  if (command.line.verb->heavy) return BecomeHeavyProgram(command);
  const std::span<const VerbEntry> lists[] = {kOwnEntries,     LifecycleEntries(), TerminalEntries(),
                                              LogsEntries(),   ListsEntries(),     VolumesEntries(),
                                              HealthEntries(), ServiceEntries(), NetworkEntries(), DoctorEntries()};
  if (VerbFunction function = FindEntry(lists, command.line.verb->name)) return function(command);
  return Fail(Code::kUnsupported, "the verb " + std::string(command.line.verb->name) + " has no function");
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::RunProgram(argc, argv, wolffia::Dispatch);
}
