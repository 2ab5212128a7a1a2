#include "engine/runtime/monitor.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/control_socket.h"
#include "engine/runtime/events.h"
#include "engine/runtime/guard.h"
#include "engine/runtime/monitor_state.h"
#include "engine/runtime/process_identity.h"
#include "engine/runtime/stop_signal.h"
#include "engine/runtime/stragglers.h"

namespace wolffia {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int ExitCodeOf(const Error& error) {
  return error.code == Code::kNoCommand ? 127 : error.code == Code::kNotExecutable ? 126 : 125;
}

}  // namespace

int Monitor::Run() {
  auto packet = ReceivePacket(options_.control.get());
  auto message = packet ? DecodeControl(packet->data) : std::unexpected(packet.error());
  if (!message) return Refuse(message.error());
  auto* request = std::get_if<StartRequest>(&*message);
  if (request == nullptr)
    return Refuse({Code::kInvalid, 0, "the monitor expects a request to start a container"});
  if (auto begun = Begin(std::move(*request), std::move(packet->fds)); !begun) return Refuse(begun.error());
  auto started = Start();
  if (started && mode_ == StartMode::kRun) started = Go();
  if (!started) {
    if (std::string damage = TellDamage(); !damage.empty()) started.error().what += "; " + damage;
    running_.reset();
    End({ExitCodeOf(started.error()), context_.now(), started.error().what});
    server_->SendAll(Failed{std::move(started.error())});
    return 0;
  }
  server_->Send(first_, Started{running_->child().pid()});
  if (mode_ != StartMode::kRootOnly) Tell("init");
  if (mode_ == StartMode::kRun) Tell("start");
  (void)loop_->Run();
  TellDamage();
  if (stopped_ && mode_ != StartMode::kRootOnly) Tell("stop");
  End({exit_code_, context_.now(), error_, stopped_ && !by_session_, oom_kills_ > 0, restarts_,
       log_ ? log_->lost() : 0});
  for (ClientId client : stop_askers_) server_->Send(client, Done{forced_});
  server_->SendAll(Exited{exit_code_, error_});
  return stopped_ || mode_ != StartMode::kRun ? 0 : exit_code_;
}

// The client may be gone; then nobody wants to know.
int Monitor::Refuse(const Error& error) {
  if (server_) {
    server_->Send(first_, Failed{error});
    return 0;
  }
  return SendPacket(options_.control.get(), Encode(Failed{error})) ? 0 : 1;
}

Result<> Monitor::Begin(StartRequest request, std::vector<Fd> fds) {
  if (request.log_level >= 0 && request.log_level <= static_cast<int>(LogLevel::kTrace))
    context_.log_level = static_cast<LogLevel>(request.log_level);
  mode_ = request.mode;
  size_ = request.attach.size;
  store_ = TRY(Store::Open({request.store_root, request.store_runroot,
                            request.volatile_store ? Durability::kVolatile : Durability::kSafe,
                            request.verify_reads}));
  ContainerStatus container = TRY(ContainerStore(*store_).Get(request.container_id));
  ReadRecord(container.record);
  if (request.attach.streams & kStdin) stdin_open_ = true;
  loop_ = TRY(EventLoop::Create());
  server_.emplace(
      *loop_, ControlServer::Handler{[this](ClientId client, ControlMessage message, std::vector<Fd> with) {
                                       Handle(client, std::move(message), std::move(with));
                                     },
                                     [this](ClientId client) { Gone(client); }});
  first_ = TRY(server_->Adopt(std::move(options_.control)));
  if (mode_ != StartMode::kRootOnly) {
    TRY(BeginOutput(container.record));
    TRY(Attach(first_, request.attach, std::move(fds)));
    if (container.record.health) WatchHealth(*container.record.health);
  }
  TRY(server_->Listen(store_->runroot_path(), id_));
  if (mode_ != StartMode::kRootOnly) TRY(WriteOwnPid());
  sigset_t all;
  sigfillset(&all);
  damage_ = TRY(DamageReports::Create());
  TRY(loop_->Watch(damage_->fd(), EPOLLIN, [this](uint32_t) { TellDamage(); }));
  signals_ = Fd(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return FailErrno("watch for signals");
  return loop_->Watch(signals_.get(), EPOLLIN, [this](uint32_t) { HandleSignal(); });
}

void Monitor::ReadRecord(const ContainerRecord& record) {
  id_ = record.id;
  auto_remove_ = record.auto_remove && mode_ != StartMode::kRootOnly;
  tty_ = record.tty;
  stdin_open_ = record.interactive;
  stdin_once_ = record.stdin_once;
  stop_signal_ = ParseSignal(record.stop_signal).value_or(SIGTERM);
  stop_timeout_ = record.stop_timeout;
  timeout_ = record.timeout;
  own_pids_ = record.pid_mode.empty() || record.pid_mode == "private";
  policy_ = {record.restart_policy, record.restart_retries};
}

Result<> Monitor::BeginOutput(const ContainerRecord& record) {
  log_ = TRY(LogWriter::Open(record.log, ContainerStore(*store_).DirectoryOf(id_)));
  log_->WhenLosing([this] { NoteLoss(); });
  pump_.emplace(*loop_, *log_, context_.now);
  pump_->OnDrained([this] {
    if (ended_) Over();
  });
  input_.emplace(*loop_, [this](ClientId client) { return server_->Has(client); });
  return {};
}

// For service managers (generate systemd), under a name that they can know before. What a kill leaves of it
// has a name that is known too, and goes with the container.
Result<> Monitor::WriteOwnPid() {
  const std::string directory = store_->runroot_path() + "/pids", path = directory + "/" + id_;
  TRY(MakeDirectories(directory));
  Fd file = TRY(Open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY_WITH(WriteFull(file.get(), std::to_string(getpid())), path);
  return RenameAt(AT_FDCWD, path + ".new", AT_FDCWD, path + ".pid");
}

Result<> Monitor::Start() {
  ContainerStatus container = TRY(ContainerStore(*store_).Get(id_));
  if (mode_ != StartMode::kRootOnly && !cgroup_) TRY(BeginCgroup(container.record.cgroup));
  running_ = TRY(RunningContainer::Prepare(context_, *store_, container,
                                           {.mode = mode_,
                                            .stdin_open = stdin_open_,
                                            .size = size_,
                                            .restarts = restarts_,
                                            .cgroup = &cgroup_,
                                            .damage = damage_.get(),
                                            .fault = options_.fault}));
  container = {};
  WatchMemory();
  ContainerStreams& streams = running_->streams();
  if (streams.out) TRY(pump_->AddSource(std::move(streams.out), kStdout));
  if (streams.err) TRY(pump_->AddSource(std::move(streams.err), kStderr));
  if (streams.in && (stdin_open_ || tty_)) TRY(input_->SetTarget(std::move(streams.in), tty_, stdin_once_));
  if (running_->network() != nullptr)
    TRY(running_->network()->Watch(
        *loop_, [this](const std::string& helper, const std::string& action, const std::string& detail) {
          // Before the event: whoever waits for it finds the new helpers. A full disk leaves the old ones
          // there.
          if (action == "restarted")
            (void)ContainerStore(*store_).WriteNetwork(id_, running_->network()->State());
          Tell("network", {{"helper", helper}, {"action", action}, {"detail", detail}});
        }));
  const int pidfd = running_->child().pidfd();
  TRY(loop_->Watch(pidfd, EPOLLIN, [this](uint32_t) { Ended(); }));
  BeginGuard();
  if (mode_ == StartMode::kInit) SetPhase(Phase::kInitialized);
  if (mode_ == StartMode::kRootOnly) SetPhase(Phase::kMounted);
  return {};
}

// Without one (no processes left for us, say) PR_SET_PDEATHSIG still holds in most containers. One that
// somebody kills is replaced.
void Monitor::BeginGuard() {
  const Child& init = running_->child();
  auto guard = StartGuard(init.pidfd(), options_.lock.get(), running_->mount_namespace());
  if (!guard) return;
  guard_ = std::move(*guard);
  (void)loop_->Watch(guard_.pidfd(), EPOLLIN, [this](uint32_t) {
    EndGuard();
    const Child& guarded = running_->child();
    if (!ended_ && !IsEnding(guarded.pidfd(), guarded.pid())) BeginGuard();
  });
}

void Monitor::EndGuard() {
  if (guard_.running()) loop_->Forget(guard_.pidfd());
  guard_ = {};
}

Result<> Monitor::Go() {
  TRY(running_->Go());
  malloc_trim(0);  // plan and spec are gone; from here on the memory is what an idle container costs
  mode_ = StartMode::kRun;
  started_ns_ = EventLoop::Now();
  if (timeout_ > 0) limit_timer_ = loop_->After(timeout_ * kSecond, [this] { (void)Signal(SIGKILL); });
  SetPhase(Phase::kRunning);
  if (health_) health_->Start(running_->child().pidfd());
  return {};
}

void Monitor::Ended() {
  if (health_) health_->Stop();
  loop_->Forget(running_->child().pidfd());
  if (running_->network() != nullptr) running_->network()->End();
  for (EventLoop::TimerId timer : {stop_timer_, limit_timer_}) loop_->Cancel(timer);
  auto status = running_->Wait();
  exit_code_ = status ? status->ShellCode() : 125;
  if (!status && error_.empty()) error_ = status.error().what;
  ended_ = true;
  ForgetMemory();
  if (!own_pids_ && !(cgroup_ && cgroup_->Kill())) KillStragglers(running_->mount_namespace());
  running_->ReleaseMountNamespace();
  if (mode_ == StartMode::kRun) Tell("died", {}, exit_code_);
  if (!pump_) return Over();
  input_->CloseTarget();
  pump_->Abandon();
  if (pump_->Drained()) return Over();
  if (!stop_askers_.empty() || !restart_askers_.empty()) HurryOutput();
}

void Monitor::Over() {
  ended_ = false;
  EndGuard();
  if (auto recorded = running_->FinishRecording(); !recorded) error_ = std::move(recorded.error().what);
  running_->StopServer();  // before another monitor may have the upper
  Next();
}

void Monitor::Next() {
  if (mode_ != StartMode::kRun) return loop_->Stop();
  if (!restart_askers_.empty()) return StartAgain();
  if (stopped_ || !policy_.Wants(exit_code_, restarts_)) return loop_->Stop();
  const int64_t pause = backoff_.Next(EventLoop::Now() - started_ns_);
  next_ns_ = context_.now() + pause;
  running_.reset();  // one thread again
  SetPhase(Phase::kRestarting);
  restart_timer_ = loop_->After(pause, [this] {
    restarts_++;
    StartAgain();
  });
}

void Monitor::StartAgain() {
  running_.reset();
  error_.clear();
  stopped_ = forced_ = false;
  if (!restart_askers_.empty()) restarts_ = 0, backoff_ = {};  // only those of the policy count
  malloc_trim(0);
  auto started = Start();
  if (started) started = Go();
  if (started) {
    Tell("start");
    Tell("restart");
    return AnswerRestart();
  }
  if (running_) loop_->Forget(running_->child().pidfd());
  EndGuard();
  running_.reset();
  exit_code_ = ExitCodeOf(started.error());
  error_ = started.error().what;
  started_ns_ = EventLoop::Now();
  for (ClientId client : std::exchange(restart_askers_, {})) server_->Send(client, Failed{started.error()});
  Next();
}

// Exit record, or removal; then the lock is free, so that whoever hears of the end finds a container that has
// ended.
void Monitor::End(const ExitRecord& record) {
  ContainerStore containers(*store_);
  pump_.reset();  // clients see the end of the output
  // Of a root that was put up for a copy it says so to the last, else whoever finds the lock held takes it
  // for a container that runs.
  if (mode_ != StartMode::kRootOnly) containers.RemoveLive(id_);
  std::string left_over;
  Result<> removed;
  if (auto_remove_) {
    Tell("remove");  // while its record is there
    removed = containers.Remove(id_, &left_over, true);
  } else if (mode_ != StartMode::kRootOnly)
    (void)containers.WriteExit(id_, record);  // on a full disk the container counts as crashed
  unlink((store_->runroot_path() + "/pids/" + id_ + ".pid").c_str());
  server_->StopListening();
  EndGuard();
  cgroup_.reset();
  options_.lock.Reset();
  if (removed || left_over.empty() || !running_) return;  // Sweep finishes what is left
  if (running_->RemoveTree(context_, store_->root_path() + "/" + left_over))
    (void)containers.Remove(id_);
}

void Monitor::Tell(std::string_view status, std::map<std::string, std::string> attributes,
                   std::optional<int> exit_code) {
  WriteContainerEvent(context_, *store_, id_, status, std::move(attributes), exit_code);
}

// In the container's log, where its user looks first, and in the journal. The first sentence; "" if there is
// none.
std::string Monitor::TellDamage() {
  std::string first;
  if (damage_ == nullptr) return first;
  for (const Damage& damage : damage_->Take()) {
    const std::string sentence = damage.Sentence();
    if (first.empty()) first = sentence;
    Tell("damaged", {{"layer", damage.layer.str()},
                     {"path", "/" + damage.path},
                     {"error", damage.what},
                     {"remedy", kHealCommand}});
    if (!log_) continue;
    log_->Flush(context_.now());  // a line of the container's that is not finished yet
    log_->Write(kStderr, "wolffia: " + sentence + "\n", context_.now());
  }
  return first;
}

void Monitor::SetPhase(Phase phase) {
  phase_ = phase;
  (void)WriteLive();
}

// The disk that took no output may not take this either: once there is room, the next loss is told of with
// all before.
void Monitor::NoteLoss() {
  if (loss_timer_ == 0)
    loss_timer_ = loop_->After(kSecond, [this] {
      loss_timer_ = 0;
      (void)WriteLive();
    });
}

// Plain "running" needs no file. One that a full disk refuses changes nothing else.
Result<> Monitor::WriteLive() {
  ContainerStore containers(*store_);
  if (phase_ == Phase::kRunning && !health_ && (!log_ || log_->lost() == 0)) {
    if (std::exchange(live_written_, false)) containers.RemoveLive(id_);
    return {};
  }
  LiveRecord live;
  live.phase = phase_;
  if (health_) live.health = health_->state();
  live.restarts = restarts_;
  if (phase_ == Phase::kRestarting) live.next_ns = next_ns_;
  if (log_) live.log_lost = log_->lost();
  live_written_ = true;
  return containers.WriteLive(id_, live);
}

void Monitor::HandleSignal() {
  signalfd_siginfo info;
  if (read(signals_.get(), &info, sizeof info) != sizeof info) return;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGRTMAX && info.ssi_code == SI_QUEUE && info.ssi_int == kRebindMagic) return Rebind();
  if (signal != SIGTERM && signal != SIGINT && signal != SIGHUP) return;
  if (!stopped_) by_session_ = true;
  Stop(0, -1);
}

int RunMonitor(Context& context, MonitorOptions options) {
  mallopt(M_ARENA_MAX, 1);  // an arena a thread would be most of the memory of an idle container
  mallopt(M_TRIM_THRESHOLD, 64 << 10);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);  // they are read from a signalfd; threads inherit this
  umask(0);                               // the modes of a container's files are its own
  if (chdir("/") < 0) return 1;           // or the directory that we were started in could not be unmounted
  return Monitor(context, std::move(options)).Run();
}

}  // namespace wolffia
