// A container in the foreground: what `run`, `start --attach` and `attach` do until it ends or is left.
#pragma once

#include <optional>

#include "cmd/session.h"
#include "engine/runtime/monitor_client.h"
#include "engine/runtime/run_request.h"
#include "engine/runtime/terminal_client.h"

namespace wolffia {

// With what a container that is started is attached to. Also says, as podman does, that -it needs a terminal.
AttachOptions ForegroundOptions(const TerminalFlags& flags, bool interactive);

// Starts the monitor of a container whose lock is ours. Without `options` in the background.
struct StartedContainer {
  MonitorClient monitor;
  std::optional<AttachStreams> streams;
};
Result<StartedContainer> StartMonitor(const Context& context, const Store& store, NewContainer container,
                                      const std::optional<AttachOptions>& options,
                                      StartMode mode = StartMode::kRun);

// The exit code of a container that was started in the foreground, 0 if it was left by the detach keys. One
// that is removed when it ends is gone afterwards.
Result<int> AwaitContainer(const Command& command, const Store& store, StartedContainer started,
                           const AttachOptions& options, const std::string& id, bool auto_remove);

// The exit code of a container that has a monitor already; one that is only initialized begins.
Result<int> AttachTo(const Store& store, const ContainerStatus& status, const AttachOptions& options);

// The exit code of an attachment that has ended; why the container could not go on is printed.
Result<int> CodeOf(Result<AttachResult> result);

// The error of a start: printed, and turned into an exit code, where it is the command's fault (126, 127).
Result<int> StartFailure(Error error);

}  // namespace wolffia
