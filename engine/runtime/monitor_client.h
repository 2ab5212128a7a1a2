// MonitorClient: the CLI's side of a monitor that it starts.
#pragma once

#include <vector>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "engine/runtime/control_client.h"

namespace wolffia {

struct MonitorStart {
  StartMode mode = StartMode::kRun;
  AttachRequest attach;  // with its descriptors; none for the background
  std::vector<int> fds;
  bool keep_signals = false;  // those that mean us go on doing so; else they wait for PumpAttached
};

class MonitorClient {
 public:
  // Starts wolffia-monitor (a new session, the container's lock donated) and sends the request.
  static Result<MonitorClient> Start(const Context& context, const Store& store, NewContainer container,
                                     const MonitorStart& start);
  // Blocks until the container runs; its error (code and sentence as the monitor found them) if it cannot.
  Result<Started> AwaitStarted();
  // Blocks until it has ended. kIo "the monitor died" if it closed without a word.
  Result<Exited> AwaitExit();
  ControlClient& control() { return control_; }
  // The container goes on without us.
  void Detach() { monitor_.Detach(); }

 private:
  explicit MonitorClient(ControlClient control) : control_(std::move(control)) {}
  Child monitor_;
  ControlClient control_;
};

}  // namespace wolffia
