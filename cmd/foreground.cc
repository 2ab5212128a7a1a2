#include "cmd/foreground.h"

#include <algorithm>

#include "cmd/container_removal.h"
#include "cmd/running_container.h"

namespace wolffia {
Result<int> CodeOf(Result<AttachResult> result) {
  if (!result) return std::unexpected(std::move(result).error());
  if (result->end == AttachEnd::kMonitorDied)
    return Fail(Code::kIo, "the monitor died, and the container with it");
  if (result->end == AttachEnd::kDetached) return 0;
  if (!result->error.empty()) PrintError({Code::kIo, 0, result->error});
  return result->exit_code;
}

AttachOptions ForegroundOptions(const TerminalFlags& flags, bool interactive) {
  AttachOptions options{
      .stdin_open = interactive, .tty = flags.tty, .sig_proxy = flags.sig_proxy, .lossless = true};
  options.detach_keys = flags.detach_keys;
  if (flags.attach) {
    auto has = [&](const char* stream) {
      return std::ranges::find(*flags.attach, stream) != flags.attach->end();
    };
    options.stdin_open = interactive && (has("stdin") || has("STDIN"));
    options.output = has("stdout") || has("STDOUT");
    options.errors = has("stderr") || has("STDERR");
  }
  WarnWithoutTerminal(options.tty, options.stdin_open);
  return options;
}

Result<StartedContainer> StartMonitor(const Context& context, const Store& store, NewContainer container,
                                      const std::optional<AttachOptions>& options, StartMode mode) {
  MonitorStart start;
  start.mode = mode;
  std::optional<AttachStreams> streams;
  if (options) {
    streams = TRY(AttachStreams::Make(*options));
    start.attach = streams->request();
    start.fds = streams->theirs();
  }
  start.keep_signals = !options;
  MonitorClient monitor = TRY(MonitorClient::Start(context, store, std::move(container), start));
  if (streams) streams->CloseTheirs();
  TRY(monitor.AwaitStarted());
  return StartedContainer{std::move(monitor), std::move(streams)};
}

Result<int> AwaitContainer(const Command& command, const Store& store, StartedContainer started,
                           const AttachOptions& options, const std::string& id, bool auto_remove) {
  started.monitor.Detach();  // whatever becomes of us
  // Now, while the container works, it costs nobody any time.
  SweepContainers(command.context, store);
  auto result = PumpAttached(started.monitor.control(), std::move(*started.streams), options);
  if (auto_remove && (!result || result->end != AttachEnd::kDetached)) {
    auto removed = RemoveContainer(command.context, store, id, true);
    if (!removed && removed.error().code != Code::kNotFound) PrintError(removed.error());
  }
  return CodeOf(std::move(result));
}

Result<int> AttachTo(const Store& store, const ContainerStatus& status, const AttachOptions& options) {
  AttachOptions with_notice = options;
  with_notice.on_overrun = [&status] {
    PrintNotice("wolffia: output was skipped, because it was not read in time: wolffia logs " +
                status.record.name + " has all of it");
  };
  ControlClient client = TRY(ControlClient::Connect(store, status));
  AttachStreams streams = TRY(AttachStreams::Make(with_notice));
  TRY(client.Ask(streams.request(), streams.theirs()));
  if (status.phase == Phase::kInitialized) TRY(client.Ask(GoRequest{}));
  return CodeOf(PumpAttached(client, std::move(streams), with_notice));
}

Result<int> StartFailure(Error error) {
  if (error.code != Code::kNotExecutable && error.code != Code::kNoCommand)
    return std::unexpected(std::move(error));
  PrintError(error);
  return error.code == Code::kNoCommand ? kExitNoCommand : kExitNotExecutable;
}

}  // namespace wolffia
