#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> HealthEntries() {
  return {};
}

}  // namespace wolffia
