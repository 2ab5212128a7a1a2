#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadProcessFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillProcess(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.pid_file = request.process.pid_file;
  record.monitor_pid_file = request.process.monitor_pid_file;
  return {};
}

}  // namespace wolffia
