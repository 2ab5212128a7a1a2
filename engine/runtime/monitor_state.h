// The monitor's state, private to monitor.cc (the container's life), monitor_requests.cc (what clients ask)
// and monitor_health.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cgroup/memory_watch.h"
#include "engine/runtime/container_start.h"
#include "engine/runtime/control_server.h"
#include "engine/runtime/health.h"
#include "engine/runtime/input_pump.h"
#include "engine/runtime/monitor.h"
#include "engine/runtime/output_pump.h"
#include "engine/runtime/pause.h"
#include "engine/runtime/restart_policy.h"

namespace wolffia {

class Monitor {
 public:
  Monitor(Context& context, MonitorOptions options) : context_(context), options_(std::move(options)) {}
  int Run();

 private:
  using ClientId = ControlServer::ClientId;

  // monitor.cc
  Result<> Begin(StartRequest request, std::vector<Fd> fds);
  Result<> BeginOutput(const ContainerRecord& record);
  void ReadRecord(const ContainerRecord& record);
  Result<> Start();  // to where its first process waits
  Result<> Go();     // and its command runs
  void StartAgain();
  void BeginGuard();
  void EndGuard();
  void Ended();  // the container's first process has
  void Over();   // and all that it wrote is where it belongs
  void Next();   // again, or the end
  void End(const ExitRecord& record);
  void SetPhase(Phase phase);
  void NoteLoss();
  std::string TellDamage();
  Result<> WriteLive();
  Result<> WriteOwnPid();
  void HandleSignal();
  int Refuse(const Error& error);
  // An event of the container's.
  void Tell(std::string_view status, std::map<std::string, std::string> attributes = {},
            std::optional<int> exit_code = {});

  // monitor_requests.cc
  void Handle(ClientId client, ControlMessage message, std::vector<Fd> fds);
  void Gone(ClientId client);
  Result<> Attach(ClientId client, const AttachRequest& request, std::vector<Fd> fds);
  void Resize(TerminalSize size);
  Result<> Signal(int signal);
  Result<> Pause(bool pause);
  Result<> Freeze();
  void Stop(int signal, int64_t timeout_ms);
  void Kill();
  void HurryOutput();
  Result<> ChangeNetworks();
  void SendProcess(ClientId client);
  Result<> AddNotifier(std::vector<Fd> fds);
  void AnswerRestart();
  void Rebind();

  // monitor_health.cc
  void WatchHealth(const HealthConfig& config);
  void Unhealthy();
  void CheckHealth(ClientId client);

  // monitor_cgroup.cc
  Result<> BeginCgroup(const CgroupConfig& config);
  void WatchMemory();
  void ForgetMemory();
  void NoteOom();
  void KillAll();
  Result<> StopProcesses();
  Result<> LetProcessesGo();

  Context& context_;
  MonitorOptions options_;

  // Of the container's record.
  std::string id_;
  bool auto_remove_ = false, tty_ = false, stdin_open_ = false, stdin_once_ = false;
  int stop_signal_ = 15, stop_timeout_ = 10, timeout_ = 0;
  bool own_pids_ = true;  // a pid namespace of its own
  RestartPolicy policy_;

  StartMode mode_ = StartMode::kRun;
  TerminalSize size_;
  std::optional<Store> store_;
  std::optional<EventLoop> loop_;
  std::optional<LogWriter> log_;
  std::optional<OutputPump> pump_;
  std::optional<InputPump> input_;
  std::optional<ControlServer> server_;
  Fd signals_;
  ClientId first_ = 0;
  std::map<ClientId, OutputPump::ClientId> attached_;
  std::unique_ptr<HealthChecker> health_;  // of a container that has a health check
  std::string on_failure_;

  std::optional<ContainerCgroup> cgroup_;  // from the first start on, where it can be had
  std::optional<MemoryWatch> memory_;
  int64_t oom_kills_ = 0;  // since its last start
  std::unique_ptr<DamageReports> damage_;
  std::unique_ptr<RunningContainer> running_;
  Child guard_;
  Phase phase_ = Phase::kRunning;
  bool live_written_ = false;
  bool ended_ = false;       // and its output is on its way
  bool stopped_ = false;     // on purpose
  bool by_session_ = false;  // ... which was the end of a session, or the host's
  bool forced_ = false;      // it did not heed the signal in time
  int exit_code_ = 0, restarts_ = 0;
  std::string error_;             // why it did not start
  StoppedBefore stopped_before_;  // when it was paused
  RestartBackoff backoff_;
  int64_t started_ns_ = 0, next_ns_ = 0;  // of the loop's clock; of the day
  EventLoop::TimerId stop_timer_ = 0, limit_timer_ = 0, restart_timer_ = 0, loss_timer_ = 0;
  std::vector<ClientId> stop_askers_, restart_askers_;
};

}  // namespace wolffia
