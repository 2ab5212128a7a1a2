#include "cmd/foreground.h"

#include "cmd/container_removal.h"

namespace wolffia {

Result<int> AwaitContainer(const Command& command, const Store& store, MonitorClient& monitor,
                           const std::string& id, bool auto_remove) {
  // Now, while the container works, it costs nobody any time.
  SweepContainers(command.context, store);
  auto exited = monitor.AwaitExit(true);
  if (auto_remove) {
    auto removed = RemoveContainer(command.context, store, id, true);
    if (!removed && removed.error().code != Code::kNotFound) PrintError(removed.error());
  }
  if (!exited) return std::unexpected(std::move(exited).error());
  return exited->exit_code;
}

Result<int> StartFailure(Error error) {
  if (error.code != Code::kNotExecutable && error.code != Code::kNoCommand)
    return std::unexpected(std::move(error));
  PrintError(error);
  return error.code == Code::kNoCommand ? kExitNoCommand : kExitNotExecutable;
}

}  // namespace wolffia
