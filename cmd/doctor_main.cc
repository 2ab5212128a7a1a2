// wolffia-doctor: tries what this host lets an ordinary user's containers have. Started by wolffia; not for
// the user's PATH.
#include <unistd.h>

#include "cmd/dispatch.h"
#include "cmd/doctor.h"
#include "engine/guarantees/inside_trial.h"

namespace wolffia {
namespace {

constexpr VerbEntry kEntries[] = {
    {"doctor", DoctorVerb},
    {"internal-probe", ProbeVerb},
    {"internal-page", PageVerb},
};

Result<int> Dispatch(const Command& command) {
  const std::span<const VerbEntry> lists[] = {kEntries};
  if (VerbFunction function = FindEntry(lists, command.line.verb->name)) return function(command);
  return Fail(Code::kInvalid, "wolffia-doctor does not execute \"" + std::string(command.line.verb->name) +
                                  "\": start wolffia instead");
}

}  // namespace
}  // namespace wolffia

int main(int argc, char** argv) {
  if (auto said = wolffia::TrialProgram(argc, argv))
    _exit(*said);  // a leak check cannot look at a setuid program
  return wolffia::RunProgram(argc, argv, wolffia::Dispatch);
}
