#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadTerminalFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillTerminal(const RunRequest& request, const ImageConfig&, ContainerRecord& record) {
  record.tty = request.terminal.tty;
  return {};
}

}  // namespace wolffia
