// An exec as its parts say it to each other. The client starts wolffia-exec with four descriptors:
//
//   client                              wolffia-exec (kExecControl, kExecInit, kExecOrder)
//   ------                              --------------------------------------------------
//   (the order is in a memory file)     joins the container through the pidfd of its init, starts the command
//                               <--     Started{pid} [+ master of its terminal]    or Failed, then the end
//   kExecDetached               -->     with a terminal: the client leaves, the command stays
//                               <--     Exited{code}
//
// The helper goes on without the client. With a terminal that hangs up, unless the client said that it
// leaves.
#pragma once

#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "engine/runtime/control_protocol.h"
#include "storage/container_store.h"

namespace wolffia {

inline constexpr int kExecControl = 3, kExecInit = 4, kExecOrder = 5;
inline constexpr std::string_view kExecDetached = "detached";

struct ExecRequest {
  std::vector<std::string> command, env;           // env: complete list of additions
  std::string user, working_dir, detach_keys, id;  // id: 64 hex
  bool tty = false, interactive = false, privileged = false, detach = false;
  bool events = true;  // its start and its end are told; those of a health check are not
  TerminalSize size;
  int64_t timeout_ms = 0;  // killed after it; 0: never
  bool operator==(const ExecRequest&) const = default;
};

// What the helper is told besides.
struct ExecOrder {
  std::string store_root, store_runroot, container_id;
  bool volatile_store = false;
  int log_level = 1;
  ExecRequest request;
  bool operator==(const ExecOrder&) const = default;
};
std::string Encode(const ExecOrder& order);
Result<ExecOrder> DecodeExecOrder(std::string_view bytes);  // kCorrupt

// Starts the helper, in a session of its own. `init`: pidfd of the container's first process. `stdio`: what
// the command gets as standard streams (a terminal replaces them). Blocks for the start of the helper only;
// the words above come on `control`.
Result<Child> StartExecHelper(const Context& context, const Store& store, const ContainerStatus& status,
                              Fd init, const ExecRequest& request, std::vector<Donation> stdio, Fd* control);

// Sessions of exec that live; their ids.
std::vector<std::string> ListExecSessions(const Store& store, const std::string& container_id);

}  // namespace wolffia
