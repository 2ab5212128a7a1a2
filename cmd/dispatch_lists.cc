#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {

std::span<const VerbEntry> ListsEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"ps", PsVerb},
      {"inspect", InspectVerb},
  };
  return kEntries;
}

}  // namespace wolffia
