// MonitorClient: the CLI's side of a container's monitor.
#pragma once

#include <optional>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "engine/runtime/monitor_protocol.h"
#include "storage/container_store.h"

namespace wolffia {

// What the container's standard descriptors are.
struct MonitorStdio {
  bool null = false;        // /dev/null, all three; else ours
  bool stdin_open = false;  // ours for its input, too; else that is /dev/null
};

class MonitorClient {
 public:
  // Starts wolffia-monitor (a new session, the container's lock donated) and sends the request.
  static Result<MonitorClient> Start(const Context& context, const Store& store, NewContainer container,
                                     const MonitorStdio& stdio);
  // Blocks until the container runs; its error (code and sentence as the monitor found them) if it cannot.
  Result<Started> AwaitStarted();
  // Blocks until it has ended, forwarding the signals that arrive meanwhile (SIGINT, SIGTERM, SIGHUP,
  // SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH...) to the container. kIo "the monitor died" if it closed without a
  // word.
  Result<Exited> AwaitExit(bool forward_signals);
  // The container goes on without us.
  void Detach() { monitor_.Detach(); }

 private:
  Child monitor_;
  Fd socket_;
};

}  // namespace wolffia
