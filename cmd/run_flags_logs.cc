#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadLogFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillLog(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.log = request.log.config;
  return {};
}

}  // namespace wolffia
