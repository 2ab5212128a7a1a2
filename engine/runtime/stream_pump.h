// StreamPump: the loop of a client in the foreground: bytes between the user's descriptors 0 to 2 and a
// process in a container, keys, signals and window sizes to it, until its keeper (a monitor, or the helper of
// an exec) says that it has ended. Knows neither of their protocols.
#pragma once

#include <functional>
#include <optional>

#include "engine/runtime/terminal_client.h"

namespace wolffia {

// The connection to the keeper.
struct PumpWire {
  int fd = -1;                                                   // readable: a word, or the end
  std::function<Result<std::optional<AttachResult>>()> receive;  // one word; how it ended, if it says so
  std::function<void(int)> signal;                               // passes one on
  std::function<void(TerminalSize)> resize;
};

// Our ends of the process's streams; none where one is not wanted. Of a pseudo-terminal, `input` and `output`
// are descriptors of its master.
struct PumpStreams {
  Fd input, output, errors;
  bool pty = false;
};

Result<AttachResult> PumpUntilEnd(const PumpWire& wire, PumpStreams streams, const AttachOptions& options);

}  // namespace wolffia
