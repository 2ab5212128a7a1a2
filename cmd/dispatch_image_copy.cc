#include "cmd/dispatch.h"

namespace wolffia {

std::span<const VerbEntry> ImageCopyEntries() {
  return {};
}

}  // namespace wolffia
