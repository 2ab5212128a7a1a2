#include "engine/runtime/launcher.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "engine/runtime/launch_join.h"

namespace wolffia {
namespace {

Result<Child> CloneChild(const LaunchPlan& plan, ChildMemory& memory, int socket) {
  int pidfd = -1;
  clone_args args{};
  args.flags = plan.clone_flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  EnterCgroup(plan, args);
  args.exit_signal = (plan.clone_flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;  // a sibling has its maker's own
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);  // no handler of ours may run in the child
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) RunLaunchChild(plan, memory, socket);
  int failed = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  // ENOMEM: the first process of the pid namespace has ended.
  if (pid < 0 && plan.cgroup >= 0 && failed == EAGAIN)
    return Fail(Code::kBusy, "start a process in the container: its --pids-limit is reached", EAGAIN);
  if (pid < 0 && (plan.clone_flags & CLONE_NEWUSER) == 0)
    return FailErrno("start a process in the container", failed == ENOMEM ? ESRCH : failed);
  if (pid < 0)
    return Fail(Code::kUnsupported, "make the container's namespaces: " + ExplainUsernsRefusal(failed),
                failed);
  return Child(static_cast<pid_t>(pid), Fd(pidfd));
}

bool HasEnded(const Child& child) {
  pollfd ended{child.pidfd(), POLLIN, 0};
  return poll(&ended, 1, 0) > 0;
}

}  // namespace

Result<Launcher> Launcher::Begin(const LaunchPlan& plan, const HostFacts& host) {
  Launcher launcher;
  launcher.plan_ = &plan;
  SocketPair sockets = TRY(MakeSocketPair());
  ChildMemory memory(plan);
  const bool between = plan.join || plan.parent_user_namespace >= 0;
  launcher.child_ = between ? TRY(CloneJoined(plan, memory, sockets.theirs.get()))
                            : TRY(CloneChild(plan, memory, sockets.theirs.get()));
  launcher.socket_ = std::move(sockets.ours);
  sockets.theirs.Reset();  // so that the child's end is seen here, too
  pid_t pid = launcher.child_.pid();
  if (!between) launcher.maps_ = TRY(IdMapWriter::Start(pid, plan.maps, host));
  if (plan.hidden) {
    TRY(launcher.ReceiveNamespaces());
    return launcher;
  }
  // Now, because the child soon changes its ids and then may not be looked at.
  auto user_namespace = Open("/proc/" + std::to_string(pid) + "/ns/user", O_RDONLY);
  if (!user_namespace && launcher.IsEnding(user_namespace.error())) return launcher.ExplainEnd();
  launcher.user_namespace_ = TRY(std::move(user_namespace));
  auto net_namespace = Open("/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY);
  if (!net_namespace && launcher.IsEnding(net_namespace.error())) return launcher.ExplainEnd();
  launcher.net_namespace_ = TRY(std::move(net_namespace));
  if (auto mounts = Open("/proc/" + std::to_string(pid) + "/ns/mnt", O_RDONLY))
    launcher.mount_namespace_ = std::move(*mounts);
  return launcher;
}

Result<> Launcher::ReceiveNamespaces() {
  Packet packet = TRY(Receive(ChildMessage::kNamespaces));
  if (packet.fds.size() != 3)
    return Fail(Code::kIo, "the container's first process did not send its namespaces");
  user_namespace_ = std::move(packet.fds[0]);
  net_namespace_ = std::move(packet.fds[1]);
  mount_namespace_ = std::move(packet.fds[2]);
  return {};
}

Result<Launcher> Launcher::BeginInside(const LaunchPlan& plan) {
  Launcher launcher;
  launcher.plan_ = &plan;
  SocketPair sockets = TRY(MakeSocketPair());
  ChildMemory memory(plan);
  launcher.child_ = TRY(CloneChild(plan, memory, sockets.theirs.get()));
  launcher.socket_ = std::move(sockets.ours);
  return launcher;
}

Result<> Launcher::FinishMaps() {
  if (auto mapped = maps_.Finish(); !mapped) {
    if (HasEnded(child_)) return ExplainEnd();
    return mapped;
  }
  ChildMessage message{.kind = ChildMessage::kMaps};
  auto sent = SendPacket(socket_.get(), {reinterpret_cast<const char*>(&message), sizeof message});
  // A child that has failed already has left its reason in the socket.
  if (!sent) TRY(Receive(ChildMessage::kMaps));
  return {};
}

Result<Launcher::Served> Launcher::AwaitFuse() {
  Packet packet = TRY(Receive(ChildMessage::kFuse));
  if (packet.fds.empty()) return Fail(Code::kIo, "the container's first process sent no descriptor");
  Served served{std::move(packet.fds[0]), Fd()};
  if (packet.fds.size() > 1) served.memory = std::move(packet.fds[1]);
  return served;
}

Result<Fd> Launcher::AwaitTerminal() {
  Packet packet = TRY(Receive(ChildMessage::kTerminal));
  if (packet.fds.empty()) return Fail(Code::kIo, "the container's first process sent no terminal");
  return std::move(packet.fds[0]);
}

Result<Fd> Launcher::AwaitReady() {
  Packet packet = TRY(Receive(ChildMessage::kReady));
  return packet.fds.empty() ? Fd() : std::move(packet.fds[0]);
}

Result<> Launcher::Go() {
  ChildMessage go{.kind = ChildMessage::kGo};
  auto sent = SendPacket(socket_.get(), {reinterpret_cast<const char*>(&go), sizeof go});
  if (!sent) return std::unexpected(ExplainDeath());
  return AwaitExecuted();
}

Result<> Launcher::AwaitExecuted() {
  for (;;) {
    Packet packet = TRY(ReceivePacket(socket_.get()));
    if (packet.data.empty()) return {};  // closed by execve
    ChildMessage message;
    if (packet.data.size() != sizeof message)
      return Fail(Code::kIo, "the container's first process sent a malformed message");
    memcpy(&message, packet.data.data(), sizeof message);
    if (message.kind != ChildMessage::kNotifier || packet.fds.empty())
      return std::unexpected(ExplainStep(*plan_, message));
    if (take_notifier_)
      TRY(take_notifier_(std::move(packet.fds[0])));
    else
      notifier_ = std::move(packet.fds[0]);
  }
}

Result<Packet> Launcher::Receive(ChildMessage::Kind expected) {
  Packet packet = TRY(ReceivePacket(socket_.get()));
  if (packet.data.empty()) return std::unexpected(ExplainDeath());
  ChildMessage message;
  if (packet.data.size() != sizeof message)
    return Fail(Code::kIo, "the container's first process sent a malformed message");
  memcpy(&message, packet.data.data(), sizeof message);
  if (message.kind == ChildMessage::kFailed) return std::unexpected(ExplainStep(*plan_, message));
  if (message.kind != expected) return Fail(Code::kIo, "the container's first process spoke out of turn");
  return packet;
}

// A process that is ending has lost its entries in /proc before its pidfd says so.
bool Launcher::IsEnding(const Error& error) const {
  return error.os_errno == ENOENT || error.os_errno == ESRCH || HasEnded(child_);
}

// Of a child that waits for its id maps: it may have left its reason in the socket.
std::unexpected<Error> Launcher::ExplainEnd() {
  auto last = Receive(ChildMessage::kMaps);
  return std::unexpected(last ? ExplainDeath() : std::move(last.error()));
}

Error Launcher::ExplainDeath() {
  std::string how = "ended";
  if (auto status = child_.Wait(); status && status->signal != 0)
    how = std::string("was killed (") + strsignal(status->signal) + ")";
  return Error{Code::kIo, 0, "the container's first process " + how + " while its root file system was made"};
}

}  // namespace wolffia
