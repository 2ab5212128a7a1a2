#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadHealthFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillHealth(const RunRequest&, const ImageConfig&, ContainerRecord&) {
  return {};
}

}  // namespace wolffia
