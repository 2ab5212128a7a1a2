// A container in the foreground: what `run` and `start --attach` do between its start and its end.
#pragma once

#include "cmd/session.h"
#include "engine/runtime/monitor_client.h"

namespace wolffia {

// Its exit code. Signals that we get are passed on; one that is removed when it ends is gone afterwards.
Result<int> AwaitContainer(const Command& command, const Store& store, MonitorClient& monitor,
                           const std::string& id, bool auto_remove);

// The error of a start: printed, and turned into an exit code, where it is the command's fault (126, 127).
Result<int> StartFailure(Error error);

}  // namespace wolffia
