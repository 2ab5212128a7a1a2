#include "engine/runtime/remove_tree.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/base/file.h"
#include "engine/base/socket.h"
#include "engine/runtime/id_map_writer.h"

namespace wolffia {
namespace {

// What the child sends back: errno and sentence of its failure; nothing on success.
struct Outcome {
  int os_errno;
  char what[512];
};

[[noreturn]] void RemoveAndExit(const std::string& path, int socket) {
  // Root of the namespace, where it maps one: its capabilities hold for files of every mapped id.
  (void)!syscall(SYS_setresgid, 0, 0, 0);
  (void)!syscall(SYS_setresuid, 0, 0, 0);
  auto removed = RemoveTreeAt(AT_FDCWD, path);
  if (!removed) {
    Outcome outcome{removed.error().os_errno, {}};
    removed.error().what.copy(outcome.what, sizeof outcome.what - 1);
    (void)SendPacket(socket, {reinterpret_cast<const char*>(&outcome), sizeof outcome});
  }
  _exit(removed ? 0 : 1);
}

Result<> AwaitOutcome(Child child, SocketPair sockets, const std::string& path) {
  sockets.theirs.Reset();
  Packet packet = TRY(ReceivePacket(sockets.ours.get()));
  ExitStatus status = TRY(child.Wait());
  Outcome outcome{};
  if (packet.data.size() == sizeof outcome) {
    memcpy(&outcome, packet.data.data(), sizeof outcome);
    return Fail(CodeOfErrno(outcome.os_errno), std::string(outcome.what), outcome.os_errno);
  }
  if (status.ShellCode() == 0) return {};
  return Fail(Code::kIo, "remove " + path + ": the process that did it ended with code " +
                             std::to_string(status.ShellCode()));
}

}  // namespace

Result<> RemoveTreeAsRoot(const HostFacts& host, const std::string& path) {
  MappedIds ids = TRY(BuildIdMaps({}, host.subordinate, host.uid, host.gid));
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
    RemoveAndExit(path, sockets.theirs.get());
  }
  if (pid < 0) {
    int failed = errno;
    return Fail(Code::kUnsupported, "remove " + path + ": " + ExplainUsernsRefusal(failed), failed);
  }
  Child child(static_cast<pid_t>(pid), Fd(pidfd));
  IdMapWriter writer = TRY(IdMapWriter::Start(child.pid(), ids.maps, host));
  TRY(writer.Finish());
  TRY(SendPacket(sockets.ours.get(), "maps"));
  return AwaitOutcome(std::move(child), std::move(sockets), path);
}

Result<> RemoveTreeAsRoot(const Context& context, const std::string& path) {
  HostFacts host = TRY(HostFacts::Gather(context));
  return RemoveTreeAsRoot(host, path);
}

Result<> RemoveTreeInNamespace(int user_namespace, const std::string& path) {
  SocketPair sockets = TRY(MakeSocketPair());
  pid_t pid = fork();  // not clone: libc must set its locks free in the copy of a process with threads
  if (pid < 0) return FailErrno("remove " + path);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (setns(user_namespace, CLONE_NEWUSER) < 0) {
      Outcome outcome{errno, {}};
      strncpy(outcome.what, "enter the container's user namespace", sizeof outcome.what - 1);
      (void)SendPacket(sockets.theirs.get(), {reinterpret_cast<const char*>(&outcome), sizeof outcome});
      _exit(1);
    }
    RemoveAndExit(path, sockets.theirs.get());
  }
  return AwaitOutcome(Child(pid, Fd()), std::move(sockets), path);
}

}  // namespace wolffia
