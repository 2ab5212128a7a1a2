#include "cmd/run_flags.h"
#include "engine/runtime/log_config.h"

namespace wolffia {

Result<> ReadLogFlags(const OptionValues& options, RunRequest& request) {
  request.log.config = TRY(ParseLogFlags(options.String("log-driver"), options.List("log-opt")));
  return {};
}

Result<> FillLog(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.log = request.log.config;
  return {};
}

}  // namespace wolffia
