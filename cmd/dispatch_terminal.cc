#include "cmd/dispatch.h"

namespace wolffia {

Result<int> AttachVerb(const Command& command);
Result<int> ExecVerb(const Command& command);

std::span<const VerbEntry> TerminalEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"attach", AttachVerb},
      {"exec", ExecVerb},
  };
  return kEntries;
}

}  // namespace wolffia
