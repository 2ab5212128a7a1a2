#include "cmd/dispatch.h"
#include "cmd/health_verbs.h"

namespace wolffia {
namespace {

constexpr VerbEntry kEntries[] = {{"healthcheck run", HealthcheckRunVerb}};

}  // namespace

std::span<const VerbEntry> HealthEntries() {
  return kEntries;
}

}  // namespace wolffia
