#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadHealthFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillHealth(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  if (!request.health.disabled) record.health = request.health.config;
  return {};
}

}  // namespace wolffia
