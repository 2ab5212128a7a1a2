#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> LogsEntries() {
  return {};
}

}  // namespace wolffia
