#include "cmd/run_flags.h"

namespace wolffia {

Result<> ReadLifecycleFlags(const OptionValues&, RunRequest&) {
  return {};
}

Result<> FillLifecycle(const RunRequest& request, const ImageConfig& image, ContainerRecord& record) {
  const LifecycleFlags& flags = request.lifecycle;
  record.detached = flags.detach;
  record.stdin_once = request.interactive && !flags.detach;
  if (!image.stop_signal.empty()) record.stop_signal = image.stop_signal;
  if (!flags.stop_signal.empty()) record.stop_signal = flags.stop_signal;
  if (flags.stop_timeout) record.stop_timeout = *flags.stop_timeout;
  record.timeout = flags.timeout;
  record.restart_policy = flags.restart_policy;
  record.restart_retries = flags.restart_retries;
  return {};
}

}  // namespace wolffia
