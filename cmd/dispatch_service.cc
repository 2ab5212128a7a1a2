#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> ServiceEntries() {
  return {};
}

}  // namespace wolffia
