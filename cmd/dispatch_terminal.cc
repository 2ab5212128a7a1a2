#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> TerminalEntries() {
  return {};
}

}  // namespace wolffia
