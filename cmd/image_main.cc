// wolffia-image: the verbs that fetch, hash and decompress. Started by wolffia; not for the user's PATH.
#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

constexpr VerbEntry kOwnEntries[] = {
    {"pull", PullVerb},
    {"load", LoadVerb},
    {"images", VerifyImagesVerb},
    {"system check", SystemCheckVerb},
    {"internal-acquire", AcquireVerb},
    {"internal-verify", VerifyImageVerb},
    {"internal-index", IndexVerb},
};

Result<int> Dispatch(const Command& command) {
  const std::span<const VerbEntry> lists[] = {kOwnEntries, ImageCopyEntries()};
  if (VerbFunction function = FindEntry(lists, command.line.verb->name)) return function(command);
  return Fail(Code::kInvalid, "wolffia-image does not execute \"" + std::string(command.line.verb->name) +
                                  "\": start wolffia instead");
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  return wolffia::RunProgram(argc, argv, wolffia::Dispatch);
}
