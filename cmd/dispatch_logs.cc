#include "cmd/dispatch.h"

namespace wolffia {

Result<int> LogsVerb(const Command& command);
Result<int> EventsVerb(const Command& command);

std::span<const VerbEntry> LogsEntries() {
  static constexpr VerbEntry kEntries[] = {{"logs", LogsVerb}, {"events", EventsVerb}};
  return kEntries;
}

}  // namespace wolffia
