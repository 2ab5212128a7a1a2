#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> VolumesEntries() {
  return {};
}

}  // namespace wolffia
