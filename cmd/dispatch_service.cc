#include "cmd/dispatch.h"
#include "cmd/service_verbs.h"

namespace wolffia {

std::span<const VerbEntry> ServiceEntries() {
  static constexpr VerbEntry kEntries[] = {
      {"generate systemd", GenerateSystemdVerb},
  };
  return kEntries;
}

}  // namespace wolffia
