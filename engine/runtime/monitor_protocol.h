// The dialogue of CLI and monitor on one sequenced-packet socket (descriptor 3 of the monitor), in its only legal
// order:
//
//   CLI                               monitor
//   ---                               -------
//   StartRequest            -->       reads config.json and spec.json, makes the plan, starts the child
//                           <--       Started{pid}            or Failed{code, errno, sentence}, then closes
//   Signal{n}  (any number) -->       sends it to the container's init
//                           <--       Exited{exit_code}, then closes
//
// The CLI may close at any time: the container goes on. The monitor closing without Exited or Failed means that it was
// killed; the container dies with it. The container's lock is descriptor 4 of the monitor, donated by the CLI.
#pragma once

#include <string>
#include <variant>

#include "engine/base/socket.h"

namespace wolffia {

struct StartRequest {
  std::string store_root, store_runroot, container_id;
  bool volatile_store = false;
  bool stdin_open = false;  // -i: descriptor 0 is handed to the container; else it gets /dev/null
  int log_level = 1;
};
struct Started { int pid = 0; };
struct Failed { Error error; };
struct Signalled { int signal = 0; };
struct Exited { int exit_code = 0; };
using MonitorMessage = std::variant<StartRequest, Started, Failed, Signalled, Exited>;

std::string Encode(const MonitorMessage& message);
Result<MonitorMessage> Decode(std::string_view packet);  // kCorrupt for anything that is none of them

}  // namespace wolffia
