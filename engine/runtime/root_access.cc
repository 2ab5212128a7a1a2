#include "engine/runtime/root_access.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <optional>

#include "engine/base/socket.h"
#include "engine/runtime/control_client.h"
#include "engine/runtime/monitor_client.h"
#include "engine/runtime/process_identity.h"

namespace wolffia {
namespace {

constexpr int kPatienceMs = 10'000, kPauseMs = 20;
constexpr size_t kMaxAnswer = 48 << 10;

// The last words of the work: "+" and its answer, or its error.
struct Outcome {
  Code code = Code::kIo;
  int os_errno = 0;
};

std::string EncodeOutcome(const Result<std::string>& result) {
  if (result) return "+" + result->substr(0, kMaxAnswer);
  Outcome outcome{result.error().code, result.error().os_errno};
  return "-" + std::string(reinterpret_cast<const char*>(&outcome), sizeof outcome) +
         result.error().what.substr(0, kMaxAnswer);
}

std::unexpected<Error> HasEnded() {
  return Fail(Code::kBusy, "the container has ended meanwhile: container state improper");
}

// User and mount namespace of the container's first process, in one call where the kernel has it (5.8).
Result<> Join(int init, pid_t pid) {
  if (setns(init, CLONE_NEWUSER | CLONE_NEWNS) == 0) return {};
  if (errno != EINVAL) {
    const int os_errno = errno;
    if (os_errno == ESRCH || IsEnding(init, pid)) return HasEnded();
    return FailErrno("enter the container's namespaces", os_errno);
  }
  // The user namespace first: only its root may join the other. Both are opened before either is joined.
  const std::string ns = "/proc/" + std::to_string(pid) + "/ns/";
  Fd user = TRY(Open(ns + "user", O_RDONLY)), mounts = TRY(Open(ns + "mnt", O_RDONLY));
  if (IsEnding(init, pid)) return HasEnded();  // its number may be another's
  if (setns(user.get(), CLONE_NEWUSER) != 0 || setns(mounts.get(), CLONE_NEWNS) != 0)
    return FailErrno("enter the container's namespaces");
  return {};
}

Result<std::string> WorkInside(int init, pid_t pid, const RootAccess::Work& work) {
  // Nothing in the container may look into this process; it has no name there either (another pid namespace).
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  TRY(Join(init, pid));
  // Root there, where the maps have one; its capabilities come with the user namespace in any case.
  (void)!syscall(SYS_setresgid, 0, 0, 0);
  (void)!syscall(SYS_setresuid, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // after the ids, whose change forgets it
  umask(0022);
  Fd root = TRY(Open("/", O_PATH | O_DIRECTORY));
  if (chdir("/") != 0) return FailErrno("enter the container's root");
  return work(root.get());
}

}  // namespace

Result<std::string> RootJob::Await() {
  // The work must not outlive the container: it holds its mounts, and a new start would find its upper in
  // use.
  pollfd fds[] = {{socket_.get(), POLLIN, 0}, {init_, POLLIN, 0}};
  while (poll(fds, std::size(fds), -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) {
    (void)child_.Signal(SIGKILL);
    TRY(child_.Wait());
    return HasEnded();
  }
  Packet packet = TRY(ReceivePacket(socket_.get()));
  ExitStatus status = TRY(child_.Wait());
  if (packet.data.starts_with('+')) return packet.data.substr(1);
  Outcome outcome;
  if (packet.data.size() > sizeof outcome) {
    memcpy(&outcome, packet.data.data() + 1, sizeof outcome);
    if (FailedByEnd(outcome.os_errno, init_, PidOf(init_))) return HasEnded();
    return Fail(outcome.code, packet.data.substr(1 + sizeof outcome), outcome.os_errno);
  }
  return Fail(Code::kIo, "the process that worked in the container's root file system ended with code " +
                             std::to_string(status.ShellCode()));
}

class RootAccess::Impl {
 public:
  std::optional<MonitorClient> monitor;  // of a root that was put up for us
  std::optional<ControlClient> control;
  Fd init;
  pid_t pid = 0;

  // nullopt: the state has changed meanwhile.
  static Result<std::optional<RootAccess>> Try(const Context& context, const Store& store,
                                               const ContainerStatus& status);
  Result<> AskForInit(ControlClient& client);
};

Result<> RootAccess::Impl::AskForInit(ControlClient& client) {
  auto answer = TRY(client.Ask(ProcessRequest{}));
  const auto* process = std::get_if<Process>(&answer.message);
  if (process == nullptr || answer.fds.empty())
    return Fail(Code::kIo, "the container's monitor answered with something else");
  pid = process->pid;
  init = std::move(answer.fds[0]);
  return {};
}

Result<std::optional<RootAccess>> RootAccess::Impl::Try(const Context& context, const Store& store,
                                                        const ContainerStatus& status) {
  auto impl = std::make_unique<Impl>();
  if (status.phase != Phase::kNone) {
    auto client = ControlClient::Connect(store, status);
    if (!client && client.error().code == Code::kBusy) return std::nullopt;
    if (!client) return std::unexpected(std::move(client.error()));
    impl->control = std::move(*client);
  } else {
    auto taken = TRY(ContainerStore(store).Take(status.record.id, false));
    if (!taken) return std::nullopt;
    MonitorStart start{.mode = StartMode::kRootOnly, .keep_signals = true};
    impl->monitor = TRY(MonitorClient::Start(context, store, std::move(*taken), start));
    impl->monitor->Detach();  // it ends by itself when nobody is connected
    TRY(impl->monitor->AwaitStarted());
  }
  auto asked = impl->AskForInit(impl->control ? *impl->control : impl->monitor->control());
  if (!asked && asked.error().code == Code::kBusy) return std::nullopt;
  TRY(std::move(asked));
  return std::optional<RootAccess>(RootAccess(std::move(impl)));
}

Result<RootAccess> RootAccess::Open(const Context& context, const Store& store,
                                    const ContainerStatus& status) {
  ContainerStatus now = status;
  for (int waited = 0;; waited += kPauseMs) {
    if (auto access = TRY(Impl::Try(context, store, now))) return std::move(*access);
    if (waited >= kPatienceMs)
      return Fail(Code::kBusy, "container " + now.record.id.substr(0, 12) +
                                   " is being started or stopped for more than 10 seconds: try again");
    poll(nullptr, 0, kPauseMs);
    now = TRY(ContainerStore(store).Get(now.record.id));
  }
}

Result<RootJob> RootAccess::Begin(const Work& work) const {
  SocketPair sockets = TRY(MakeSocketPair());
  pid_t pid = fork();
  if (pid < 0) return FailErrno("fork");
  if (pid == 0) {
    sockets.ours.Reset();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    auto result = WorkInside(impl_->init.get(), impl_->pid, work);
    (void)SendPacket(sockets.theirs.get(), EncodeOutcome(result));
    _exit(result ? 0 : 1);
  }
  return RootJob(TRY(Child::Forked(pid)), std::move(sockets.ours), impl_->init.get());
}

Result<> RootAccess::Inside(const std::function<Result<>(int root)>& work) const {
  RootJob job = TRY(Begin([&](int root) -> Result<std::string> {
    TRY(work(root));
    return "";
  }));
  TRY(job.Await());
  return {};
}

Result<Fd> RootAccess::WithoutMounts(int root) {
  Fd alone(open_tree(root, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!alone) return FailErrno("look below the container's mounts");
  return OpenAt(alone.get(), ".", O_RDONLY | O_DIRECTORY);
}

RootAccess::RootAccess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RootAccess::RootAccess(RootAccess&&) noexcept = default;
RootAccess& RootAccess::operator=(RootAccess&&) noexcept = default;
RootAccess::~RootAccess() = default;

}  // namespace wolffia
