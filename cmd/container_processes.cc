#include "cmd/container_processes.h"

#include <fcntl.h>

#include "engine/base/file.h"
#include "engine/runtime/control_client.h"

namespace wolffia {

Result<ContainerProcesses> ContainerProcesses::Open(const Store& store, const ContainerStatus& status) {
  ControlClient monitor = TRY(ControlClient::Connect(store, status));
  ControlClient::Received answer = TRY(monitor.Ask(ProcessRequest{}));
  const auto* process = std::get_if<Process>(&answer.message);
  if (process == nullptr || answer.fds.size() != 2)
    return Fail(Code::kCorrupt, "the monitor of container " + status.record.id.substr(0, 12) +
                                    " gave no process; was wolffia changed while it ran?");
  ContainerProcesses processes;
  processes.init_ = process->pid;
  processes.host_pids_ = status.record.pid_mode == "host";
  processes.pidfd_ = std::move(answer.fds[0]);
  processes.proc_ = std::move(answer.fds[1]);
  return processes;
}

Result<std::vector<ContainerProcess>> ContainerProcesses::List() const {
  return ListProcesses(proc_.get(), host_pids_ ? init_ : 0);
}

Result<std::string> ContainerProcesses::ReadOf(int pid, const std::string& name) const {
  return ReadFileAt(proc_.get(), std::to_string(pid) + "/" + name, 1 << 20);
}

}  // namespace wolffia
