#include "cmd/dispatch.h"

namespace wolffia {
namespace {

Result<int> DoctorVerb(const Command& command) {
  return BecomeProgram(command, "wolffia-doctor");
}

constexpr VerbEntry kEntries[] = {{"doctor", DoctorVerb}};

}  // namespace

std::span<const VerbEntry> DoctorEntries() {
  return kEntries;
}

}  // namespace wolffia
