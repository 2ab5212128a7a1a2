// wolffia: the front end. Links only what starts fast; verbs that need TLS or hashing go on as wolffia-image.
#include "cmd/verbs.h"

namespace wolffia {
namespace {

struct Entry {
  std::string_view verb;
  VerbFunction function;
};
constexpr Entry kEntries[] = {
    {"run", RunVerb},   {"create", CreateVerb},   {"start", StartVerb},     {"ps", PsVerb},
    {"rm", RmVerb},     {"inspect", InspectVerb}, {"images", ImagesVerb},   {"tag", TagVerb},
    {"rmi", RmiVerb},   {"info", InfoVerb},       {"version", VersionVerb}, {"completion", CompletionVerb},
    {"help", HelpVerb},
};

Result<int> Dispatch(const Command& command) {
  if (command.line.verb->heavy) return BecomeHeavyProgram(command);
  for (const Entry& entry : kEntries)
    if (entry.verb == command.line.verb->name) return entry.function(command);
  return Fail(Code::kUnsupported, "the verb " + std::string(command.line.verb->name) + " has no function");
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::RunProgram(argc, argv, wolffia::Dispatch);
}
