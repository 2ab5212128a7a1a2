// wolffia-init: process 1 of a container that was started with --init. It starts the command, hands on every
// signal that it gets, reaps what the command leaves behind, and ends as the command ends. Static and without
// libstdc++'s run time: it is bound into the container's root, whatever libraries that has.
//
//   wolffia-init -- COMMAND [ARGUMENT...]
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

namespace {

constexpr int kNotFound = 127, kNotExecutable = 126, kOwnFailure = 125;

// Without stdio, whose buffers a static program would carry along.
void Complain(const char* what, const char* why) {
  for (const char* part : {"wolffia-init: ", what, ": ", why, "\n"})
    (void)!write(STDERR_FILENO, part, strlen(part));
}

// A process group of its own that owns the terminal, if there is one, so that Ctrl-C reaches the whole
// command. The terminal is asked for with SIGTTOU still blocked: else the request would stop us.
void TakeTerminal() {
  setpgid(0, 0);
  if (isatty(STDIN_FILENO)) (void)tcsetpgrp(STDIN_FILENO, getpgrp());
}

[[noreturn]] void Execute(char** argv, const sigset_t& original_mask) {
  TakeTerminal();
  sigprocmask(SIG_SETMASK, &original_mask, nullptr);
  execvp(argv[0], argv);
  int error = errno;
  Complain(argv[0], strerror(error));
  _exit(error == ENOENT || error == ENOTDIR ? kNotFound : kNotExecutable);
}

int ShellCode(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Reaps everything that has ended; true once the command is among it.
bool Reap(pid_t command, int* status) {
  bool ended = false;
  for (;;) {
    int one = 0;
    pid_t pid = waitpid(-1, &one, WNOHANG);
    if (pid <= 0) return ended;
    if (pid == command) {
      *status = one;
      ended = true;
    }
  }
}

// The kernel's own doing, not a message to the command.
bool IsOurs(int signal) {
  return signal == SIGCHLD || signal == SIGTTIN || signal == SIGTTOU;
}

int Supervise(pid_t command, const sigset_t& all) {
  for (;;) {
    siginfo_t info;
    int signal = sigwaitinfo(&all, &info);
    if (signal < 0) continue;
    int status = 0;
    if (signal == SIGCHLD && Reap(command, &status)) return ShellCode(status);
    if (!IsOurs(signal)) (void)kill(command, signal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--") == 0) {
    argc--;
    argv++;
  }
  if (argc < 2) {
    Complain("usage", "wolffia-init -- COMMAND [ARGUMENT...]");
    return kOwnFailure;
  }
  // Blocked signals wait in the queue: none is lost between two looks at it.
  sigset_t all, original;
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  sigprocmask(SIG_BLOCK, &all, &original);
  pid_t command = fork();
  if (command < 0) {
    Complain("fork", strerror(errno));
    return kOwnFailure;
  }
  if (command == 0) Execute(argv + 1, original);
  return Supervise(command, all);
}
