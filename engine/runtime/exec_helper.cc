#include "engine/runtime/exec_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "engine/base/event_loop.h"
#include "engine/base/file.h"
#include "engine/base/socket.h"
#include "engine/cgroup/fork_into.h"
#include "engine/runtime/control_client.h"
#include "engine/runtime/events.h"
#include "engine/runtime/exec_plan.h"
#include "engine/runtime/exec_session.h"
#include "engine/runtime/landlock_annotation.h"
#include "engine/runtime/launcher.h"
#include "engine/runtime/own_files.h"
#include "engine/runtime/process_identity.h"
#include "engine/runtime/seccomp.h"
#include "engine/runtime/secret_plan.h"
#include "network/bypass_policy.h"
#include "storage/container_record.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr size_t kMaxOrderBytes = 16 << 20;
constexpr size_t kMaxUserFileBytes = 4 << 20;

Result<ExecOrder> ReadOrder() {
  if (lseek(kExecOrder, 0, SEEK_SET) < 0) return FailErrno("read the order");
  std::string bytes = TRY(ReadFd(kExecOrder, kMaxOrderBytes, "the order"));
  return DecodeExecOrder(bytes);
}

std::unexpected<Error> NotRunning() {
  return Fail(Code::kBusy, "can only create exec sessions on running containers: container state improper");
}

// A file of the container's, as it is now: a pipe there must not hold us, whatever it is it is bounded.
Result<std::string> UserFile(const std::string& path) {
  auto file = OpenInRoot(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file && file.error().code == Code::kNotFound) return std::string();
  Fd opened = TRY(std::move(file));
  struct stat st;
  if (fstat(opened.get(), &st) < 0) return FailErrno("look at " + path);
  if (!S_ISREG(st.st_mode)) return std::string();
  return ReadFd(opened.get(), kMaxUserFileBytes, path);
}

int LastCapability() {
  int last = 0;
  while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) last++;
  return last;
}

// What the joiner needs, made while the host's files can still be reached.
struct Prepared {
  RuntimeSpec spec;
  std::vector<sock_filter> seccomp;
  LandlockRuleset landlock;
  std::vector<std::string> secrets;
  bool bypass = false;   // the network's fast path
  bool has_user = true;  // the container maps us
  std::string cgroup;    // of the container's processes; empty: it has none
};

Result<Prepared> Prepare(const ExecOrder& order, const Store& store) {
  Prepared p;
  ContainerStore containers(store);
  p.spec = TRY(containers.ReadSpec(order.container_id));
  p.has_user =
      HasUser({p.spec.uid_mappings, p.spec.gid_mappings, false}, HostUid{getuid()}, HostGid{getgid()});
  auto record = ReadContainer(store, "containers/" + order.container_id);
  if (!record) return std::unexpected(containers.OrGone(order.container_id, std::move(record.error())));
  if (auto status = containers.Get(order.container_id); status && status->started)
    p.cgroup = status->started->cgroup;
  if (!record->secrets.empty()) p.secrets = TRY(ContainerSecrets::Read(store, *record)).env;
  p.bypass = UsesBypass(record->network_config);
  p.landlock = TRY(CompiledLandlockOf(p.spec));
  if (p.spec.seccomp) p.seccomp = TRY(CompileSeccomp(*p.spec.seccomp, order.store_runroot + "/seccomp"));
  return p;
}

// Before this process forbids to be looked at, which makes its files in /proc the host root's.
Result<> SetOomScore(const RuntimeSpec& spec) {
  if (!spec.process.oom_score_adj) return {};
  Fd file = TRY(Open("/proc/self/oom_score_adj", O_WRONLY));
  return WriteFull(file.get(), std::to_string(*spec.process.oom_score_adj)).With("set oom_score_adj");
}

struct Started {
  Child child;
  Fd master;    // with a terminal
  Fd notifier;  // with the network's fast path
};

// Capabilities in the namespace stay: no id of before was its root's.
void BecomeRoot(const RuntimeSpec& spec) {
  const uint32_t uid = RootInside(spec.uid_mappings), gid = RootInside(spec.gid_mappings);
  (void)!syscall(SYS_setresgid, gid, gid, gid);
  (void)!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  (void)!syscall(SYS_setresuid, uid, uid, uid);
}

// In the joiner: becomes part of the container, and makes the process there.
Result<> JoinAndStart(const ExecOrder& order, Prepared& prepared, int helper) {
  const ExecRequest& request = order.request;
  if (setns(kExecInit, static_cast<int>(JoinedNamespaces(prepared.spec))) < 0)
    return FailErrno("join the container's namespaces");
  // Whoever has no number there is not served by its root file system (EOVERFLOW).
  if (!prepared.has_user) BecomeRoot(prepared.spec);
  ExecInputs inputs{.spec = prepared.spec, .request = request, .secrets = std::move(prepared.secrets)};
  inputs.has_user = prepared.has_user;
  inputs.seccomp = std::move(prepared.seccomp);
  inputs.landlock = std::move(prepared.landlock);
  if (prepared.bypass) inputs.notifier = BypassFilter();
  if (request.privileged) inputs.last_capability = LastCapability();
  if (!request.user.empty()) {
    inputs.passwd = TRY_WITH(UserFile("/etc/passwd"), "look up the user");
    inputs.group = TRY_WITH(UserFile("/etc/group"), "look up the user's groups");
  }
  LaunchPlan plan = TRY(BuildExecPlan(std::move(inputs)));
  Launcher launcher = TRY(Launcher::BeginInside(plan));
  Fd master;
  if (request.tty) master = TRY(launcher.AwaitTerminal());
  TRY(launcher.AwaitExecuted());
  Child child = launcher.TakeChild();
  const Fd notifier = launcher.TakeNotifier();
  std::vector<int> fds = {child.pidfd()};
  if (master) fds.push_back(master.get());
  if (notifier) fds.push_back(notifier.get());
  const int pid = child.pid();
  child.Detach();  // the helper's
  return SendPacket(helper, Encode(ControlMessage(wolffia::Started{pid})), fds);
}

Result<pid_t> ForkJoiner(const Context& context, const std::string& cgroup, pid_t init) {
  if (!cgroup.empty()) return ForkInto(context, cgroup, init);
  const pid_t joiner = fork();
  if (joiner < 0) return FailErrno("start a process");
  return joiner;
}

Result<Started> StartInside(const Context& context, const ExecOrder& order, Prepared& prepared, pid_t init) {
  SocketPair sockets = TRY(MakeSocketPair());
  const pid_t joiner = TRY(ForkJoiner(context, prepared.cgroup, init));
  if (joiner == 0) {
    sockets.ours.Reset();
    auto done = JoinAndStart(order, prepared, sockets.theirs.get());
    if (!done)
      (void)SendPacket(sockets.theirs.get(), Encode(ControlMessage(Failed{std::move(done).error()})));
    _exit(0);
  }
  sockets.theirs.Reset();
  auto packet = ReceivePacket(sockets.ours.get());
  while (waitpid(joiner, nullptr, 0) < 0 && errno == EINTR) {
  }
  Packet answer = TRY(std::move(packet));
  if (answer.data.empty()) return Fail(Code::kIo, "the process that joins the container died");
  ControlMessage message = TRY(DecodeControl(answer.data));
  if (auto* failed = std::get_if<Failed>(&message)) return std::unexpected(std::move(failed->error));
  auto* started = std::get_if<wolffia::Started>(&message);
  if (started == nullptr || answer.fds.size() != size_t{1} + order.request.tty + prepared.bypass)
    return Fail(Code::kIo, "the process that joins the container spoke out of turn");
  Started result{Child(started->pid, std::move(answer.fds[0])), Fd(), Fd()};
  if (prepared.bypass) result.notifier = std::move(answer.fds.back());
  if (order.request.tty) result.master = std::move(answer.fds[1]);
  return result;
}

class Helper {
 public:
  Helper(Context& context, ExecOrder order) : context_(context), order_(std::move(order)) {}

  int Run() {
    if (auto done = Supervised(); !done) Report(Failed{std::move(done).error()});
    return 0;
  }

 private:
  void Report(const ControlMessage& message, const std::vector<int>& fds = {}) {
    if (control_) (void)SendPacket(control_.get(), Encode(message), fds);  // the client may be gone
  }

  Result<> Supervised() {
    Store store = TRY(Store::Open({order_.store_root, order_.store_runroot,
                                   order_.volatile_store ? Durability::kVolatile : Durability::kSafe}));
    Prepared prepared = TRY(Prepare(order_, store));
    ExecSession session = TRY(ExecSession::Create(order_));
    TRY(SetOomScore(prepared.spec));
    if (!prepared.has_user) OpenStdioToAll();
    const pid_t init = PidOf(kExecInit);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // nothing in the container may look at us through a copy of ours
    auto started = StartInside(context_, order_, prepared, init);
    if (!started && (IsEnding(kExecInit, init) || FailedByEnd(started.error().os_errno, kExecInit, init)))
      return NotRunning();
    if (!started) return std::unexpected(std::move(started).error());
    started_ = *std::move(started);
    session.WritePid(started_.child.pid());
    if (started_.notifier) TRY(HandOverNotifier(store));
    std::vector<int> fds;
    if (started_.master) fds.push_back(started_.master.get());
    Report(wolffia::Started{started_.child.pid()}, fds);
    CloseStdio();
    Tell(store, "exec", {});
    const int code = AwaitEnd();
    Tell(store, "exec_died", code);
    Report(Exited{code});
    return {};
  }

  void Tell(const Store& store, std::string_view status, std::optional<int> code) {
    if (order_.request.events)
      WriteContainerEvent(context_, store, order_.container_id, status, {{"execID", order_.request.id}},
                          code);
  }

  // Until then the command's connect(2) waits.
  Result<> HandOverNotifier(const Store& store) {
    const ContainerStatus status = TRY(ContainerStore(store).Get(order_.container_id));
    ControlClient monitor = TRY(ControlClient::Connect(store, status));
    TRY(monitor.Ask(NotifierRequest{}, {started_.notifier.get()}));
    started_.notifier.Reset();
    return {};
  }

  // The command has its copies; a reader of its output waits for the end of all.
  static void CloseStdio() {
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      if (!null || dup2(null.get(), fd) < 0) close(fd);
  }

  int AwaitEnd() {
    const int64_t deadline =
        order_.request.timeout_ms > 0 ? EventLoop::Now() / kMillisecond + order_.request.timeout_ms : 0;
    for (bool alive = true;;) {
      pollfd fds[] = {{started_.child.pidfd(), POLLIN, 0},
                      {control_.get(), POLLIN, 0},
                      {alive ? kExecInit : -1, POLLIN, 0},
                      {draining_ ? started_.master.get() : -1, POLLIN, 0}};
      const int64_t left =
          deadline == 0 ? -1 : std::max<int64_t>(0, deadline - EventLoop::Now() / kMillisecond);
      const int ready = poll(fds, std::size(fds), static_cast<int>(std::min<int64_t>(left, 1 << 30)));
      if (ready < 0) continue;
      if (fds[0].revents != 0) break;
      if (fds[1].revents != 0) HearClient();
      if (fds[3].revents != 0) Drain();
      // A container that shares the host's processes does not take this one along when it ends.
      const bool over = fds[2].revents != 0 || (deadline != 0 && EventLoop::Now() / kMillisecond >= deadline);
      if (fds[2].revents != 0) alive = false;
      if (over) (void)started_.child.Signal(SIGKILL);
    }
    auto status = started_.child.Wait();
    return status ? status->ShellCode() : 125;
  }

  // The client leaves: a terminal that nobody reads is read here, one whose client died hangs up.
  void HearClient() {
    auto packet = ReceivePacket(control_.get());
    if (packet && packet->data == kExecDetached) {
      draining_ = static_cast<bool>(started_.master);
      return;
    }
    control_.Reset();
    if (!draining_) started_.master.Reset();
  }

  void Drain() {
    char buffer[16 << 10];
    if (read(started_.master.get(), buffer, sizeof buffer) <= 0 && errno != EINTR && errno != EAGAIN)
      draining_ = false;
  }

  Context& context_;
  ExecOrder order_;
  Fd control_{kExecControl};
  Started started_;
  bool draining_ = false;
};

}  // namespace

int RunExecHelper(Context& context) {
  auto order = ReadOrder();
  if (!order) {
    (void)SendPacket(kExecControl, Encode(ControlMessage(Failed{std::move(order).error()})));
    return 0;
  }
  if (order->log_level >= 0 && order->log_level <= static_cast<int>(LogLevel::kTrace))
    context.log_level = static_cast<LogLevel>(order->log_level);
  return Helper(context, std::move(*order)).Run();
}

}  // namespace wolffia
