#include "cmd/completion.h"
#include "cmd/help.h"
#include "cmd/verbs.h"

namespace wolffia {

Result<int> HelpVerb(const Command& command) {
  const auto& words = command.line.arguments;
  if (words.empty()) {
    Print(GeneralHelp());
    return 0;
  }
  std::string name = words[0];
  if (words.size() == 2) name += " " + words[1];
  const Verb* verb = FindVerb(name);
  // The parser's own words for a verb that does not exist, with its suggestions.
  if (verb == nullptr) return std::unexpected(ParseCommandLine({name}).error());
  Print(HelpOf(*verb));
  return 0;
}

Result<int> CompletionVerb(const Command& command) {
  Print(TRY(CompletionScript(command.line.arguments[0])));
  return 0;
}

}  // namespace wolffia
