// Which function executes a verb. Each area lists its own in dispatch_<area>.cc.
#pragma once

#include <span>

#include "cmd/session.h"

namespace wolffia {

struct VerbEntry {
  std::string_view verb;
  VerbFunction function;
};

// Those of `wolffia`.
std::span<const VerbEntry> LifecycleEntries();
std::span<const VerbEntry> TerminalEntries();
std::span<const VerbEntry> LogsEntries();
std::span<const VerbEntry> ListsEntries();
std::span<const VerbEntry> VolumesEntries();
std::span<const VerbEntry> NetworkEntries();
std::span<const VerbEntry> HealthEntries();
std::span<const VerbEntry> ServiceEntries();
std::span<const VerbEntry> DoctorEntries();

// Of `wolffia-image`.
std::span<const VerbEntry> ImageCopyEntries();

// nullptr if no list has the verb.
inline VerbFunction FindEntry(std::span<const std::span<const VerbEntry>> lists, std::string_view verb) {
  for (std::span<const VerbEntry> list : lists)
    for (const VerbEntry& entry : list)
      if (entry.verb == verb) return entry.function;
  return nullptr;
}

}  // namespace wolffia
