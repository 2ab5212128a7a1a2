#include "engine/runtime/stream_pump.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "engine/runtime/stream_relay.h"

namespace wolffia {
namespace {

// What a user or a supervisor sends to us and means for the container. Not SIGTSTP and its like: they stop
// us.
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

// Signals by descriptor while it lives; those that are not passed on keep their effect on us.
class Signals {
 public:
  Signals(bool forward, bool tty) {
    sigset_t blocked, free;
    sigemptyset(&blocked);
    sigemptyset(&free);
    for (int signal : kForwarded) sigaddset(forward ? &blocked : &free, signal);
    if (forward || tty) sigaddset(&blocked, SIGWINCH);
    if (tty) sigaddset(&blocked, SIGCONT);
    sigprocmask(SIG_BLOCK, &blocked, &old_);
    sigprocmask(SIG_UNBLOCK, &free, nullptr);
    fd_ = Fd(signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &old_pipe_);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    sigaction(SIGPIPE, &old_pipe_, nullptr);
    sigprocmask(SIG_SETMASK, &old_, nullptr);
  }
  int fd() const { return fd_.get(); }
  bool DiesOfPipe() const { return old_pipe_.sa_handler == SIG_DFL; }
  int Next() const {  // 0: none
    signalfd_siginfo info;
    return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  Fd fd_;
  sigset_t old_;
  struct sigaction old_pipe_;
};

[[noreturn]] void DieOf(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::signal(signal, SIG_DFL);
  raise(signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  _exit(128 + signal);
}

// The descriptor of ours that has a window.
int WindowFd() {
  return isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO;
}

class Pump {
 public:
  Pump(const PumpWire& wire, PumpStreams streams, const AttachOptions& options, RawTerminal& raw)
      : wire_(wire),
        options_(options),
        raw_(raw),
        signals_(options.sig_proxy && !raw.TakesKeys(), options.tty),
        output_(std::move(streams.output), STDOUT_FILENO),
        errors_(std::move(streams.errors), STDERR_FILENO) {
    if (streams.input)
      input_ = InputRelay(STDIN_FILENO, std::move(streams.input), streams.pty,
                          options.tty ? Keys(options) : std::string());
  }

  Result<AttachResult> Run() {
    SendSize();  // it may have changed since the container was asked for
    while (!end_ || !output_.done() || !errors_.done()) {
      pollfd fds[] = {{end_ ? -1 : wire_.fd, POLLIN, 0},
                      {signals_.fd(), POLLIN, 0},
                      output_.Wanted(),
                      errors_.Wanted(),
                      input_.Wanted(),
                      input_.Hangup()};
      if (poll(fds, std::size(fds), -1) < 0) {
        if (errno == EINTR) continue;
        return FailErrno("poll");
      }
      if (fds[1].revents != 0) HandleSignal();
      if (fds[2].revents != 0) TRY(Check(output_, "standard output"));
      if (fds[3].revents != 0) TRY(Check(errors_, "standard error"));
      if (fds[4].revents != 0 && input_.Move()) return AttachResult{AttachEnd::kDetached, 0};
      if ((fds[5].revents & (POLLERR | POLLNVAL)) != 0) input_.Close();
      if (fds[0].revents == 0) continue;
      end_ = TRY(wire_.receive());
      if (end_) input_.Close();
    }
    return *end_;
  }

 private:
  static std::string Keys(const AttachOptions& options) {
    return ParseDetachKeys(options.detach_keys).value_or("");  // the caller has checked them
  }

  Result<> Check(OutputRelay& relay, const char* name) {
    auto moved = relay.Move();
    if (moved) return {};
    relay.Abandon();
    if (moved.error().os_errno != EPIPE || !signals_.DiesOfPipe()) return std::move(moved).With(name);
    raw_.Leave();
    DieOf(SIGPIPE);
  }

  void HandleSignal() {
    int signal = signals_.Next();
    if (signal == 0) return;
    if (signal == SIGCONT) raw_.EnterAgain();
    if (options_.tty && (signal == SIGWINCH || signal == SIGCONT)) return SendSize();
    if (!end_) return wire_.signal(signal);
    if (signal == SIGWINCH) return;
    raw_.Leave();
    DieOf(signal);  // only we are left, waiting for a reader
  }

  void SendSize() {
    if (!options_.tty || end_) return;
    auto size = RawTerminal::Size(WindowFd());
    if (size && size->rows != 0 && size->columns != 0) wire_.resize(*size);
  }

  const PumpWire& wire_;
  const AttachOptions& options_;
  RawTerminal& raw_;
  Signals signals_;
  OutputRelay output_, errors_;
  InputRelay input_;
  std::optional<AttachResult> end_;
};

}  // namespace

Result<AttachResult> PumpUntilEnd(const PumpWire& wire, PumpStreams streams, const AttachOptions& options) {
  TRY(ParseDetachKeys(options.detach_keys));
  RawTerminal raw;
  if (options.tty && streams.input && isatty(STDIN_FILENO))
    raw = TRY(RawTerminal::Enter(STDIN_FILENO, RawTerminal::Mode::kKeys));
  else if (options.tty && isatty(STDOUT_FILENO))
    raw = TRY(RawTerminal::Enter(STDOUT_FILENO, RawTerminal::Mode::kOutput));
  return Pump(wire, std::move(streams), options, raw).Run();
}

}  // namespace wolffia
