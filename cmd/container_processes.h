// ContainerProcesses: the processes of one running container, reached through its monitor.
#pragma once

#include "engine/runtime/process_list.h"
#include "storage/container_store.h"

namespace wolffia {

class ContainerProcesses {
 public:
  // kBusy if it does not run.
  static Result<ContainerProcesses> Open(const Store& store, const ContainerStatus& status);
  // Those of its user namespace only, if it shares the host's process namespace.
  Result<std::vector<ContainerProcess>> List() const;
  int init() const { return init_; }        // its pid on the host
  int proc() const { return proc_.get(); }  // its /proc
  // A file of a process below /proc/PID.
  Result<std::string> ReadOf(int pid, const std::string& name) const;

 private:
  ContainerProcesses() = default;
  int init_ = 0;
  bool host_pids_ = false;
  Fd pidfd_, proc_;
};

}  // namespace wolffia
