// Child programs: started with a table of donated descriptors, awaited through a pidfd.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

// Descriptor `from` of ours becomes descriptor `to` of the child. Everything else is close-on-exec.
struct Donation {
  int from;
  int to;
};

struct SpawnRequest {
  std::string program;  // path; looked up in PATH if it has no slash
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value"; empty: ours
  bool inherit_env = true;
  std::vector<Donation> donations;  // 0, 1, 2 are inherited unless named here
  bool new_session = false;         // setsid in the child
  int user_namespace = -1;          // entered first, as its root where it maps the ids 0; -1: stays in ours
};

// How a process ended: exit code, or 128 + signal as a shell counts it.
struct ExitStatus {
  int code = 0;    // of exit(2); meaningless if signal != 0
  int signal = 0;  // that ended it; 0 if it exited
  int ShellCode() const { return signal != 0 ? 128 + signal : code; }
  bool operator==(const ExitStatus&) const = default;
};

// An owned child process. Killed (SIGKILL) and reaped when it is destroyed unawaited, unless detached.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  static Result<Child> Forked(pid_t pid);  // by fork(2) just now; an error has ended it
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable (poll) once it has ended
  bool running() const { return pid_ > 0; }

  Result<> Signal(int signal) const;  // ESRCH is not an error
  Result<ExitStatus> Wait();          // blocks; then the object is empty. ETIMEDOUT: a tracer keeps it
  void Detach() { pid_ = -1; }        // leaves it to init

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

// The path of a program, from PATH and the directories of the system's own programs; kNotFound.
Result<std::string> FindProgram(const std::string& program);

// Starts a program with vfork semantics (posix_spawn(3)'s cost). kNotFound names the program if it is
// missing.
Result<Child> Spawn(const SpawnRequest& request);

// Runs it to its end with stdin from `input` and returns what it wrote to stdout (at most `limit` bytes).
struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};
Result<Output> RunForOutput(SpawnRequest request, const std::string& input, size_t limit);

// The directory of the running program (through /proc/self/exe).
Result<std::string> OwnDirectory();

// A program of this project by name: beside the running one (build tree), else in ../libexec/wolffia
// (installed).
Result<std::string> FindSibling(const std::string& name);

}  // namespace wolffia
