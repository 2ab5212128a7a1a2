#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadVolumeFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillVolumes(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.secrets = request.volumes.secrets;
  return {};
}

}  // namespace wolffia
