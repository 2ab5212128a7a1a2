#include "engine/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr size_t kMaxArguments = 1 << 20;

// Runs between vfork and exec: only system calls. Returns only on failure.
void BecomeProgram(const char* path, char* const* argv, char* const* env, std::vector<Donation>& donations,
                   const SpawnRequest& request, const sigset_t& mask) {
  if (request.new_session) setsid();
  if (request.user_namespace >= 0) {
    if (setns(request.user_namespace, CLONE_NEWUSER) < 0) return;
    // The system calls: libc's would change the ids of the parent's threads too, whose memory this is.
    (void)!syscall(SYS_setresgid, 0, 0, 0);
    (void)!syscall(SYS_setresuid, 0, 0, 0);
  }
  // A target may be another donation's source: lift every source above all targets first.
  int floor = 3;
  for (const Donation& d : donations) floor = std::max(floor, d.to + 1);
  for (Donation& d : donations) {
    d.from = fcntl(d.from, F_DUPFD_CLOEXEC, floor);
    if (d.from < 0) return;
  }
  for (const Donation& d : donations)
    if (dup2(d.from, d.to) < 0) return;
  for (int s = 1; s < NSIG; s++) {
    struct sigaction action;
    if (sigaction(s, nullptr, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
      signal(s, SIG_DFL);
  }
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execve(path, argv, env);
}

// Of a child that has ended or will. A process that traces it (ptrace(2)), one of a container say, may keep
// it from its parent after its end for as long as it likes: it has two seconds. False, and ETIMEDOUT, then.
bool Reap(pid_t pid, int pidfd, int* status) {
  constexpr int kLongestPauseMs = 1024;
  pollfd ended{pidfd, POLLIN, 0};
  while (poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  for (int pause = 1; pause <= kLongestPauseMs; pause *= 2) {
    if (pid_t r = waitpid(pid, status, WNOHANG); r != 0) return r == pid;
    poll(nullptr, 0, pause);
  }
  errno = ETIMEDOUT;
  return false;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<std::string> FindProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  rest +=
      ":/usr/sbin:/sbin";  // helpers such as slirp4netns may be there, and PATH of a plain user lacks them
  while (!rest.empty()) {
    size_t colon = rest.find(':');
    std::string candidate = rest.substr(0, colon) + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return Fail(Code::kNotFound, program + ": not found in PATH", ENOENT);
}

Result<Child> Child::Forked(pid_t pid) {
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd) return Child(pid, std::move(pidfd));
  const int failed = errno;
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return FailErrno("open a pidfd", failed);
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    Child old(std::move(*this));
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  (void)Reap(pid_, pidfd_.get(), nullptr);
}

Result<> Child::Signal(int signal) const {
  if (pid_ <= 0) return {};
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) < 0 && errno != ESRCH)
    return FailErrno("signal process " + std::to_string(pid_));
  return {};
}

Result<ExitStatus> Child::Wait() {
  if (pid_ <= 0) return Fail(Code::kInvalid, "wait for a child: it was waited for before");
  int status = 0;
  const bool reaped = Reap(pid_, pidfd_.get(), &status);
  pid_ = -1;
  if (!reaped) return FailErrno("wait for a child");
  if (WIFSIGNALED(status)) return ExitStatus{0, WTERMSIG(status)};
  return ExitStatus{WEXITSTATUS(status), 0};
}

Result<Child> Spawn(const SpawnRequest& request) {
  std::string path = TRY(FindProgram(request.program));
  std::vector<char*> argv = Pointers(request.argv);
  std::vector<char*> env = Pointers(request.env);
  std::vector<Donation> donations = request.donations;
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);  // no handler of ours may run in the child's borrowed memory
  volatile int child_errno = 0;
  pid_t pid = vfork();
  if (pid == 0) {
    BecomeProgram(path.c_str(), argv.data(),
                  request.inherit_env && request.env.empty() ? environ : env.data(), donations, request, old);
    child_errno = errno;
    _exit(127);
  }
  int fork_errno = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return FailErrno("start " + path, fork_errno);
  if (child_errno != 0) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return FailErrno("start " + path, child_errno);
  }
  return Child::Forked(pid);
}

Result<Output> RunForOutput(SpawnRequest request, const std::string& input, size_t limit) {
  Pipe in = TRY(MakePipe()), out = TRY(MakePipe()), err = TRY(MakePipe());
  request.donations.push_back({in.read.get(), 0});
  request.donations.push_back({out.write.get(), 1});
  request.donations.push_back({err.write.get(), 2});
  Child child = TRY(Spawn(request));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  Output result;
  size_t sent = 0;
  if (input.empty()) in.write.Reset();
  while (out.read || err.read) {
    pollfd fds[3] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}};
    if (poll(fds, 3, -1) < 0) {
      if (errno == EINTR) continue;
      return FailErrno("poll");
    }
    if (fds[2].revents != 0) {
      sigset_t pipe_set, old;
      sigemptyset(&pipe_set);
      sigaddset(&pipe_set, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
      ssize_t n = write(in.write.get(), input.data() + sent, input.size() - sent);
      if (n < 0 && errno == EPIPE) {
        timespec none{};
        sigtimedwait(&pipe_set, nullptr, &none);
      }
      pthread_sigmask(SIG_SETMASK, &old, nullptr);
      if (n > 0) sent += static_cast<size_t>(n);
      if ((n < 0 && errno != EAGAIN && errno != EINTR) || sent == input.size()) in.write.Reset();
    }
    auto drain = [&](Fd& fd, short revents, std::string& into) -> Result<> {
      if (revents == 0) return {};
      char buffer[8192];
      ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) return {};
      if (n <= 0) fd.Reset();
      if (n > 0) into.append(buffer, static_cast<size_t>(n));
      if (into.size() > limit) return Fail(Code::kInvalid, request.program + " printed too much");
      return {};
    };
    TRY(drain(out.read, fds[0].revents, result.out));
    TRY(drain(err.read, fds[1].revents, result.err));
  }
  result.status = TRY(child.Wait());
  return result;
}

Result<std::string> OwnDirectory() {
  char buffer[4096];
  ssize_t n = readlink("/proc/self/exe", buffer, sizeof buffer);
  if (n <= 0 || n == sizeof buffer) return FailErrno("read /proc/self/exe");
  std::string own(buffer, static_cast<size_t>(n));
  // Executed from memory, a program of ours has the path of its file as its first argument.
  if (own.starts_with("/memfd:")) {
    std::string arguments = TRY(ReadFile("/proc/self/cmdline", kMaxArguments));
    own = arguments.c_str();
  }
  return SplitPath(own).first;
}

Result<std::string> FindSibling(const std::string& name) {
  std::string directory = TRY(OwnDirectory());
  for (const char* place : {"/", "/../libexec/wolffia/"})
    if (std::string path = directory + place + name; access(path.c_str(), X_OK) == 0) return path;
  return Fail(Code::kNotFound, name + " is missing beside " + directory + ": the installation is incomplete");
}

}  // namespace wolffia
