#include "cmd/dispatch.h"
#include "cmd/verbs.h"

namespace wolffia {

std::span<const VerbEntry> LifecycleEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"run", RunVerb},         {"create", CreateVerb}, {"init", InitVerb},       {"start", StartVerb},
      {"stop", StopVerb},       {"kill", KillVerb},     {"restart", RestartVerb}, {"pause", PauseVerb},
      {"unpause", UnpauseVerb}, {"wait", WaitVerb},     {"rm", RmVerb},           {"update", UpdateVerb},
  };
  return kEntries;
}

}  // namespace wolffia
