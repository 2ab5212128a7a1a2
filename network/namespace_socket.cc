#include "network/namespace_socket.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace wolffia {
namespace {

struct Wanted {
  const NetworkTarget& target;
  int domain, type, protocol;
  int fd = -1, failed = 0;
  const char* step = "";
};

// In a process of its own that shares memory and descriptors with us, and nothing else: a thread could not
// enter a user namespace. System calls only.
int OpenInside(void* argument) {
  auto& wanted = *static_cast<Wanted*>(argument);
  wanted.step = "enter the container's user namespace";
  if (setns(wanted.target.user_namespace, CLONE_NEWUSER) == 0) {
    wanted.step = "enter the container's network namespace";
    if (setns(wanted.target.net_namespace, CLONE_NEWNET) == 0) {
      wanted.step = "open a socket in the container's network";
      wanted.fd = socket(wanted.domain, wanted.type | SOCK_CLOEXEC, wanted.protocol);
    }
  }
  wanted.failed = errno;
  _exit(0);
}

}  // namespace

Result<Fd> SocketInside(const NetworkTarget& target, int domain, int type, int protocol) {
  alignas(16) char stack[16 << 10];
  Wanted wanted{target, domain, type, protocol};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);  // no handler of ours runs in the other process
  const pid_t pid = clone(OpenInside, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES, &wanted);
  const int failed = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return FailErrno("start a process", failed);
  // It sends no signal when it ends, so that it is nobody else's to reap.
  while (waitpid(pid, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
  if (wanted.fd < 0) return FailErrno(wanted.step, wanted.failed);
  return Fd(wanted.fd);
}

}  // namespace wolffia
