#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include <bit>
#include <csignal>

#include "engine/runtime/monitor_state.h"
#include "engine/runtime/network_start.h"
#include "engine/runtime/stop_signal.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kPatienceNs =
    2'000'000'000;  // with a slow reader, once somebody waits for the container's end

bool IsPipe(const Fd& fd) {
  struct stat status;
  return fstat(fd.get(), &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

void Monitor::Handle(ClientId client, ControlMessage message, std::vector<Fd> fds) {
  auto answer = [&](Result<> done, const ControlMessage& word) {
    server_->Send(client, done ? word : ControlMessage(Failed{std::move(done.error())}));
  };
  if (auto* attach = std::get_if<AttachRequest>(&message))
    return answer(Attach(client, *attach, std::move(fds)), Attached{tty_});
  if (auto* resize = std::get_if<ResizeRequest>(&message)) return Resize(resize->size);
  if (auto* signal = std::get_if<SignalRequest>(&message)) return answer(Signal(signal->signal), Done{});
  if (auto* pause = std::get_if<PauseRequest>(&message)) return answer(Pause(pause->pause), Done{});
  if (auto* stop = std::get_if<StopRequest>(&message)) {
    // Whoever wants it started again has lost.
    for (ClientId other : std::exchange(restart_askers_, {}))
      server_->Send(other, Failed{{Code::kBusy, 0,
                                   "the container was stopped by another command before it was started "
                                   "again: container state improper"}});
    stop_askers_.push_back(client);
    by_session_ = false;
    return Stop(stop->signal, stop->timeout_ms);
  }
  auto* restart = std::get_if<RestartRequest>(&message);
  // Its end is the answer: whoever still wants it to run starts it then.
  if (restart != nullptr && (stopped_ || mode_ == StartMode::kRootOnly)) return;
  if (restart != nullptr && mode_ != StartMode::kInit) {
    restart_askers_.push_back(client);
    return Stop(0, restart->timeout_ms);
  }
  if (restart != nullptr || std::holds_alternative<GoRequest>(message)) {
    if (mode_ != StartMode::kInit) return answer(Fail(Code::kBusy, "the container runs already"), Done{});
    auto gone = Go();
    if (gone) Tell("start");
    if (gone) return server_->Send(client, Started{running_->child().pid()});
    error_ = gone.error().what;
    return answer(std::move(gone), Done{});
  }
  if (auto* policy = std::get_if<RestartPolicyRequest>(&message)) {
    policy_ = {policy->policy, policy->retries};
    return answer({}, Done{});
  }
  if (std::holds_alternative<ProcessRequest>(message)) return SendProcess(client);
  if (std::holds_alternative<HealthRequest>(message)) return CheckHealth(client);
  if (std::holds_alternative<NetworkRequest>(message)) return answer(ChangeNetworks(), Done{});
  if (std::holds_alternative<NotifierRequest>(message)) return answer(AddNotifier(std::move(fds)), Done{});
  answer(Fail(Code::kUnsupported, "the container's monitor does not know this request"), Done{});
}

void Monitor::Gone(ClientId client) {
  if (auto found = attached_.find(client); found != attached_.end()) {
    if (pump_) pump_->RemoveClient(found->second);
    attached_.erase(found);
  }
  if (mode_ == StartMode::kRootOnly && server_->size() == 0) loop_->Stop();
}

Result<> Monitor::Attach(ClientId client, const AttachRequest& request, std::vector<Fd> fds) {
  const auto expected = static_cast<size_t>(std::popcount(static_cast<unsigned>(request.streams)));
  if (fds.size() != expected)
    return Fail(Code::kInvalid, "a client attaches with other streams than it says");
  for (const Fd& fd : fds)
    if (!IsPipe(fd)) return Fail(Code::kInvalid, "a client attaches with what is no pipe");
  if (expected == 0) return {};
  if (!pump_) return Fail(Code::kBusy, "the container is not running: container state improper");
  if (attached_.contains(client)) return Fail(Code::kInvalid, "the client is attached already");
  size_t at = 0;
  if ((request.streams & kStdin) != 0) TRY(input_->AddClient(client, std::move(fds[at++])));
  OutputPump::Sink sink;
  if ((request.streams & kStdout) != 0) sink.out = std::move(fds[at++]);
  if ((request.streams & kStderr) != 0) sink.err = std::move(fds[at++]);
  sink.lossless = request.lossless;
  sink.overrun = [this, client](int stream, int64_t bytes) { server_->Send(client, Overrun{stream, bytes}); };
  attached_[client] = TRY(pump_->AddClient(std::move(sink)));
  if (request.size.rows != 0) Resize(request.size);
  return {};
}

Result<> Monitor::AddNotifier(std::vector<Fd> fds) {
  if (!running_ || ended_ || running_->network() == nullptr || fds.size() != 1)
    return Fail(Code::kBusy, "the container has no network with a fast path: container state improper");
  return running_->network()->AddNotifier(std::move(fds[0]));
}

void Monitor::Resize(TerminalSize size) {
  size_ = size;
  if (tty_ && input_) input_->SetSize(size.rows, size.columns);
}

Result<> Monitor::Signal(int signal) {
  const bool runs = running_ && !ended_ && mode_ == StartMode::kRun;
  if (!runs)
    return Fail(Code::kBusy, "the container is in state " + std::string(PhaseName(phase_)) +
                                 ", and has no process: container state improper");
  if (signal == SIGKILL)
    KillAll();
  else
    TRY(running_->child().Signal(signal));
  Tell("kill", {{"signal", SignalName(signal)}});
  return {};
}

void Monitor::Kill() {
  if (running_ && !ended_) KillAll();
}

// `signal` 0, `timeout_ms` -1: the container's own. The signal again where it has been asked to stop already.
void Monitor::Stop(int signal, int64_t timeout_ms) {
  if (restart_askers_.empty()) stopped_ = true;
  if (mode_ == StartMode::kRootOnly) return loop_->Stop();
  if (phase_ == Phase::kRestarting) {
    loop_->Cancel(restart_timer_);
    return restart_askers_.empty() ? loop_->Stop() : StartAgain();
  }
  if (ended_) return HurryOutput();
  if (mode_ == StartMode::kInit) return Kill();
  if (phase_ == Phase::kPaused) (void)Pause(false);
  if (timeout_ms < 0) timeout_ms = stop_timeout_ < 0 ? INT64_MAX : stop_timeout_ * int64_t{1000};
  SetPhase(Phase::kStopping);
  if (timeout_ms == 0)
    Kill();
  else
    (void)running_->child().Signal(signal == 0 ? stop_signal_ : signal);
  loop_->Cancel(stop_timer_);
  if (timeout_ms > INT64_MAX / kMillisecond / 2) return;  // for ever
  stop_timer_ = loop_->After(timeout_ms * kMillisecond, [this] {
    forced_ = true;
    Kill();
  });
}

void Monitor::HurryOutput() {
  loop_->Cancel(stop_timer_);
  stop_timer_ = loop_->After(kPatienceNs, [this] {
    for (const auto& [client, sink] : std::exchange(attached_, {})) pump_->RemoveClient(sink);
    if (ended_ && pump_->Drained()) Over();
  });
}

void Monitor::AnswerRestart() {
  for (ClientId client : std::exchange(restart_askers_, {})) server_->Send(client, Done{});
}

// Told before it is done: a pause that a full disk hides is one that nobody could end.
Result<> Monitor::Freeze() {
  const Phase before = std::exchange(phase_, Phase::kPaused);
  auto told = WriteLive();
  auto paused = told ? StopProcesses() : std::move(told);
  if (!paused) SetPhase(before);
  return paused;
}

Result<> Monitor::Pause(bool pause) {
  if (!running_ || ended_ || mode_ != StartMode::kRun)
    return Fail(Code::kBusy, "the container is not running: container state improper");
  if (pause == (phase_ == Phase::kPaused)) return {};
  if (!cgroup_ && (!own_pids_ || running_->proc() < 0))
    return Fail(
        Code::kUnsupported,
        "the container has no process namespace of its own, so its processes cannot be told from others");
  if (health_ && pause) health_->Suspend(true);
  auto done = pause ? Freeze() : LetProcessesGo();
  if (health_) health_->Suspend(pause == done.has_value());  // as it is now
  TRY(std::move(done));
  if (!pause) SetPhase(Phase::kRunning);
  Tell(pause ? "pause" : "unpause");
  return {};
}

// Between two starts there is nothing to do: the next one reads the record.
Result<> Monitor::ChangeNetworks() {
  if (!running_ || ended_ || running_->network() == nullptr) return {};
  auto changed = ChangeNetwork(context_, *store_, id_, *running_->network());
  if (!changed)
    changed.error().os_errno = 0;  // one of a holder that is lost would read as the container's end
  return changed;
}

void Monitor::SendProcess(ClientId client) {
  if (!running_ || ended_)
    return server_->Send(client,
                         Failed{{Code::kBusy, 0, "the container is not running: container state improper"}});
  std::vector<int> fds = {running_->child().pidfd()};
  if (running_->proc() >= 0) fds.push_back(running_->proc());
  server_->Send(client, Process{running_->child().pid()}, fds);
}

// As Store does it, with the same checks.
void Monitor::Rebind() {
  if (Store::Open(
          {store_->root_path(), store_->runroot_path(), store_->durability(), store_->verify_reads()}))
    (void)server_->Listen(store_->runroot_path(), id_);
}

}  // namespace wolffia
