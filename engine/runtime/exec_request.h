// What wolffia-exec is asked, on its descriptor 3, with the pidfd of the container's init; its answers are
// Started, Failed, Exited, and with a tty the pty's master.
#pragma once

#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "engine/runtime/control_protocol.h"
#include "storage/container_store.h"

namespace wolffia {

struct ExecRequest {
  std::vector<std::string> command, env;           // env: complete list of additions
  std::string user, working_dir, detach_keys, id;  // id: 64 hex
  bool tty = false, interactive = false, privileged = false, detach = false;
  TerminalSize size;
  int64_t timeout_ms = 0;
};

Result<Child> StartExecHelper(const Context& context, const Store& store, const ContainerStatus& status,
                              Fd init, const ExecRequest& request, std::vector<Donation> stdio, Fd* control);

// Sessions of exec that live; their ids.
std::vector<std::string> ListExecSessions(const Store& store, const std::string& container_id);

}  // namespace wolffia
