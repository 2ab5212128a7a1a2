#include "engine/runtime/seccomp_recorder.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <system_error>

namespace wolffia {

Result<std::unique_ptr<SeccompRecorder>> SeccompRecorder::Begin(Fd listener) {
  std::unique_ptr<SeccompRecorder> recorder(new SeccompRecorder());
  recorder->listener_ = std::move(listener);
  recorder->stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  if (!recorder->stop_) return FailErrno("record system calls: eventfd");
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);  // signals are the main thread's
  int failed = 0;
  try {
    recorder->thread_ = std::thread([r = recorder.get()] { r->Run(); });
  } catch (const std::system_error& error) {
    failed = error.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (failed != 0) return FailErrno("record system calls: start a thread", failed);
  return recorder;
}

void SeccompRecorder::Run() {
  for (;;) {
    pollfd fds[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if ((fds[0].revents & POLLIN) != 0)
      Note();
    else if (fds[0].revents != 0 || fds[1].revents != 0)  // no process has the filter any more
      return;
  }
}

void SeccompRecorder::Note() {
  alignas(seccomp_notif) char buffer[1024] = {};  // a newer kernel's may be longer
  auto& notification = *reinterpret_cast<seccomp_notif*>(buffer);
  if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) return;  // killed meanwhile
  const SeccompCall call{notification.data.arch, notification.data.nr};
  if (call.number == SYS_execve || call.number == SYS_execveat) executed_ = true;
  // The launch installs the container's filter under our eyes, and closes its copy of the listener.
  if (executed_ || (call.number != SYS_seccomp && call.number != SYS_close)) calls_.insert(call);
  seccomp_notif_resp answer{};
  answer.id = notification.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

void SeccompRecorder::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  thread_.join();
}

std::set<SeccompCall> SeccompRecorder::Finish() {
  Stop();
  return std::move(calls_);
}

}  // namespace wolffia
