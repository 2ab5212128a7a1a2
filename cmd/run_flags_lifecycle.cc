#include "cmd/run_flags.h"
#include "engine/runtime/restart_policy.h"
#include "engine/runtime/stop_signal.h"

namespace wolffia {

namespace {

Result<int> Seconds(const OptionValues& options, const char* name, int64_t least) {
  const int64_t seconds = options.Int(name, 0);
  if (seconds < least || seconds > INT32_MAX)
    return Fail(Code::kInvalid, std::string("--") + name + " " + std::to_string(seconds) + ": out of range");
  return static_cast<int>(seconds);
}

}  // namespace

Result<> ReadLifecycleFlags(const OptionValues& options, RunRequest& request) {
  LifecycleFlags& flags = request.lifecycle;
  flags.replace = options.Bool("replace");
  if (flags.replace && request.name.empty())
    return Fail(Code::kInvalid, "cannot replace container without --name being set");
  const RestartPolicy policy = TRY(ParseRestartPolicy(options.String("restart")));
  if (request.auto_remove && policy.Restarts())
    return Fail(Code::kInvalid,
                "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"");
  flags.restart_policy = policy.name;
  flags.restart_retries = policy.retries;
  flags.stop_signal = options.String("stop-signal");
  if (!flags.stop_signal.empty()) TRY(ParseSignal(flags.stop_signal));
  if (options.Has("stop-timeout")) flags.stop_timeout = TRY(Seconds(options, "stop-timeout", INT32_MIN));
  flags.timeout = TRY(Seconds(options, "timeout", 0));
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
