#include "engine/runtime/namespace_work.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/base/socket.h"
#include "engine/runtime/id_map_writer.h"

namespace wolffia {
namespace {

// What the child sends back of its failure; nothing on success.
struct Outcome {
  Code code;
  int os_errno;
  char what[1024];
};

[[noreturn]] void SendAndExit(const Error& error, int socket) {
  Outcome outcome{error.code, error.os_errno, {}};
  error.what.copy(outcome.what, sizeof outcome.what - 1);
  (void)SendPacket(socket, {reinterpret_cast<const char*>(&outcome), sizeof outcome});
  _exit(1);
}

[[noreturn]] void WorkAndExit(const std::function<Result<>()>& work, int socket) {
  // Root of the namespace, where it maps one: its capabilities hold for files of every mapped id.
  (void)!syscall(SYS_setresgid, 0, 0, 0);
  (void)!syscall(SYS_setresuid, 0, 0, 0);
  if (Result<> done = work(); !done) SendAndExit(done.error(), socket);
  _exit(0);
}

Result<> AwaitOutcome(Child child, SocketPair sockets, const std::string& what) {
  sockets.theirs.Reset();
  Packet packet = TRY(ReceivePacket(sockets.ours.get()));
  ExitStatus status = TRY(child.Wait());
  Outcome outcome{};
  if (packet.data.size() == sizeof outcome) {
    memcpy(&outcome, packet.data.data(), sizeof outcome);
    return Fail(outcome.code, std::string(outcome.what), outcome.os_errno);
  }
  if (status.ShellCode() == 0) return {};
  return Fail(Code::kIo,
              what + ": the process that did it ended with code " + std::to_string(status.ShellCode()));
}

}  // namespace

Result<> WorkAsRoot(const IdMaps& maps, const HostFacts& host, const std::string& what,
                    const std::function<Result<>()>& work) {
  SocketPair sockets = TRY(MakeSocketPair());
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sockets.ours.Reset();
    auto mapped = ReceivePacket(sockets.theirs.get());  // "the maps are written", or the end of the parent
    if (!mapped || mapped->data.empty()) _exit(1);
    WorkAndExit(work, sockets.theirs.get());
  }
  if (pid < 0) {
    int failed = errno;
    return Fail(Code::kUnsupported, what + ": " + ExplainUsernsRefusal(failed), failed);
  }
  Child child(static_cast<pid_t>(pid), Fd(pidfd));
  IdMapWriter writer = TRY(IdMapWriter::Start(child.pid(), WithUser(maps, host.uid, host.gid), host));
  TRY(writer.Finish());
  TRY(SendPacket(sockets.ours.get(), "maps"));
  return AwaitOutcome(std::move(child), std::move(sockets), what);
}

Result<> WorkAsRootBesideThreads(const IdMaps& maps, const HostFacts& host, const std::string& what,
                                 const std::function<Result<>()>& work) {
  SocketPair sockets = TRY(MakeSocketPair());
  pid_t pid = fork();  // not clone: as below
  if (pid < 0) return FailErrno(what);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (Result<> done = WorkAsRoot(maps, host, what, work); !done)
      SendAndExit(done.error(), sockets.theirs.get());
    _exit(0);
  }
  return AwaitOutcome(TRY(Child::Forked(pid)), std::move(sockets), what);
}

Result<> WorkInNamespace(int user_namespace, const std::string& what, const std::function<Result<>()>& work) {
  SocketPair sockets = TRY(MakeSocketPair());
  pid_t pid = fork();  // not clone: libc must set its locks free in the copy of a process with threads
  if (pid < 0) return FailErrno(what);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (setns(user_namespace, CLONE_NEWUSER) < 0)
      SendAndExit(FailErrno(what + ": enter the container's user namespace").error(), sockets.theirs.get());
    WorkAndExit(work, sockets.theirs.get());
  }
  return AwaitOutcome(TRY(Child::Forked(pid)), std::move(sockets), what);
}

}  // namespace wolffia
