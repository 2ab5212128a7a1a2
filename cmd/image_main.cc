// wolffia-image: the verbs that fetch, hash and decompress. Started by wolffia; not for the user's PATH.
#include "cmd/verbs.h"

namespace wolffia {
namespace {

struct Entry {
  std::string_view verb;
  VerbFunction function;
};
constexpr Entry kEntries[] = {
    {"pull", PullVerb},
    {"load", LoadVerb},
    {"system check", SystemCheckVerb},
    {"internal-acquire", AcquireVerb},
    {"internal-index", IndexVerb},
};

Result<int> Dispatch(const Command& command) {
  for (const Entry& entry : kEntries)
    if (entry.verb == command.line.verb->name) return entry.function(command);
  return Fail(Code::kInvalid, "wolffia-image does not execute \"" + std::string(command.line.verb->name) +
                                  "\": start wolffia instead");
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::RunProgram(argc, argv, wolffia::Dispatch);
}
