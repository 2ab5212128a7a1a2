#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {

std::span<const VerbEntry> LifecycleEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"run", RunVerb},
      {"create", CreateVerb},
      {"start", StartVerb},
      {"rm", RmVerb},
  };
  return kEntries;
}

}  // namespace wolffia
