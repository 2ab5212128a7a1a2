// ContainerStart: from a container's directory to its running first process, in the monitor: reads record and
// spec, opens the layers, makes the plan, launches it and serves the root. In two halves, for containers that
// are only initialized, and for those whose root stands for others.
#pragma once

#include <memory>
#include <optional>

#include "engine/base/context.h"
#include "engine/cgroup/container_cgroup.h"
#include "engine/runtime/container_streams.h"
#include "engine/runtime/control_protocol.h"
#include "engine/runtime/damage_reports.h"
#include "engine/runtime/launcher.h"
#include "engine/runtime/root_server.h"
#include "engine/runtime/seccomp_recorder.h"
#include "network/container_network.h"
#include "storage/container_store.h"

namespace wolffia {

struct StartSetup {
  StartMode mode = StartMode::kRun;
  bool stdin_open = false;
  TerminalSize size;
  int restarts = 0;
  std::optional<ContainerCgroup>* cgroup = nullptr;  // that Begin made; empty: none can be had
  DamageReports* damage = nullptr;         // outlives the container; nullptr: nobody is told
  std::optional<LaunchPlan::Fault> fault;  // tests
};

class RunningContainer {
 public:
  // Its first process waits. The caller must have one thread only. Standard input, output and error of this
  // process are /dev/null afterwards.
  static Result<std::unique_ptr<RunningContainer>> Prepare(const Context& context, const Store& store,
                                                           const ContainerStatus& container,
                                                           const StartSetup& setup);
  // The command has been executed.
  Result<> Go();

  const Child& child() const { return pending_ ? pending_->launcher->child() : child_; }
  Result<ExitStatus> Wait();
  // The container has ended. Nobody writes to its upper afterwards.
  void StopServer() { server_.Stop(); }
  // The container has ended: with --seccomp-record its profile is written.
  Result<> FinishRecording();
  ContainerNetwork* network() { return network_.get(); }  // nullptr: it has none of its own
  // What is left of the container, which may be of all its ids. Threads do not matter.
  Result<> RemoveTree(const Context& context, const std::string& path) const;
  // Its mount namespace, where it has no pid namespace of its own, else -1: held, so that its number is
  // nobody else's, until the container has ended and its processes are killed.
  int mount_namespace() const { return mount_namespace_.get(); }
  void ReleaseMountNamespace() { mount_namespace_.Reset(); }
  int proc() const { return proc_.get(); }  // of the container, O_PATH; -1 if it has none
  ContainerStreams& streams() { return streams_; }

 private:
  struct Pending {
    LaunchPlan plan;
    std::optional<Launcher> launcher;
  };
  RootServer server_;  // destroyed after the child, which may wait for an answer of it
  std::unique_ptr<Pending> pending_;
  Child child_;
  Fd user_namespace_, mount_namespace_, proc_;
  IdMaps maps_;
  std::unique_ptr<ContainerNetwork> network_;  // uses user_namespace_
  ContainerStreams streams_;
  struct Recording {
    std::string file;
    std::optional<SpecSeccomp> base;
    std::unique_ptr<SeccompRecorder> recorder;  // once it is executed
  };
  std::optional<Recording> recording_;
};

}  // namespace wolffia
