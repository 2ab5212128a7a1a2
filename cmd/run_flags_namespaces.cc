#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadNamespaceFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillNamespaces(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.pid_mode = request.namespaces.pid;
  record.ipc_mode = request.namespaces.ipc;
  record.uts_mode = request.namespaces.uts;
  return {};
}

}  // namespace wolffia
