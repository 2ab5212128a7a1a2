#include "network/namespace_socket.h"

#include <fcntl.h>
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
  int (*work)(const Wanted&);  // below 0: failed, with errno
  int domain = 0, type = 0, protocol = 0;
  const char* path = nullptr;
  char value = 0;
  int result = -1, failed = 0;
  const char* step = "";
};

int OpenSocket(const Wanted& wanted) {
  return socket(wanted.domain, wanted.type | SOCK_CLOEXEC, wanted.protocol);
}

int WriteSysctl(const Wanted& wanted) {
  const int fd = open(wanted.path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t n = write(fd, &wanted.value, 1);
  const int failed = errno;
  close(fd);  // descriptors are shared
  errno = failed;
  return n == 1 ? 0 : -1;
}

// In a process of its own that shares memory and descriptors with us, and nothing else: a thread could not
// enter a user namespace. System calls only.
int Inside(void* argument) {
  auto& wanted = *static_cast<Wanted*>(argument);
  const char* step = wanted.step;
  wanted.step = "enter the container's user namespace";
  if (setns(wanted.target.user_namespace, CLONE_NEWUSER) == 0) {
    wanted.step = "enter the container's network namespace";
    if (setns(wanted.target.net_namespace, CLONE_NEWNET) == 0) {
      wanted.step = step;
      wanted.result = wanted.work(wanted);
    }
  }
  wanted.failed = errno;
  _exit(0);
}

Result<int> DoInside(Wanted wanted) {
  alignas(16) char stack[16 << 10];
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);  // no handler of ours runs in the other process
  const pid_t pid = clone(Inside, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES, &wanted);
  const int failed = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return FailErrno("start a process", failed);
  // It sends no signal when it ends, so that it is nobody else's to reap.
  while (waitpid(pid, nullptr, __WCLONE) < 0 && errno == EINTR) {
  }
  if (wanted.result < 0) return FailErrno(wanted.step, wanted.failed);
  return wanted.result;
}

}  // namespace

Result<Fd> SocketInside(const NetworkTarget& target, int domain, int type, int protocol) {
  return Fd(TRY(DoInside({.target = target,
                          .work = OpenSocket,
                          .domain = domain,
                          .type = type,
                          .protocol = protocol,
                          .step = "open a socket in the container's network"})));
}

Result<> WriteSysctlInside(const NetworkTarget& target, const char* path, char value) {
  TRY(DoInside({.target = target, .work = WriteSysctl, .path = path, .value = value, .step = path}));
  return {};
}

}  // namespace wolffia
