#include "engine/runtime/guard.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/stragglers.h"

namespace wolffia {
namespace {

constexpr int kContainer = 0, kMonitor = 1, kLock = 2, kMounts = 3;  // the guard's only descriptors

void AwaitReadable(pollfd* fds, nfds_t count) {
  while (poll(fds, count, -1) < 0) {
  }
}

// A copy of a process with threads: system calls only. All signals are blocked, as in the monitor.
[[noreturn]] void Guard(int container, int monitor, int lock, int mount_namespace) {
  // None of them is below 3: monitor and tests keep their standard streams open.
  const int taken[] = {container, monitor, lock, mount_namespace};
  for (int at = kContainer; at <= kMounts; at++)
    if (taken[at] < 0 || dup2(taken[at], at) < 0) close(at);
  syscall(SYS_close_range, kMounts + 1, ~0U, 0);
  prctl(PR_SET_NAME, "wolffia-guard", 0, 0, 0);
  pollfd fds[2] = {{kContainer, POLLIN, 0}, {kMonitor, POLLIN, 0}};
  AwaitReadable(fds, 2);
  if (fds[0].revents == 0) {
    syscall(SYS_pidfd_send_signal, kContainer, SIGKILL, nullptr, 0);
    AwaitReadable(fds, 1);
  }
  KillStragglers(kMounts);
  _exit(0);
}

}  // namespace

Result<Child> StartGuard(int container_pidfd, int lock, int mount_namespace) {
  Fd monitor(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!monitor) return FailErrno("open a pidfd of this process");
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) Guard(container_pidfd, monitor.get(), lock, mount_namespace);
  if (pid < 0) return FailErrno("start the container's guard");
  return Child(static_cast<pid_t>(pid), Fd(pidfd));
}

}  // namespace wolffia
