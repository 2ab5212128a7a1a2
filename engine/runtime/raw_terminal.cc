#include "engine/runtime/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

namespace wolffia {
namespace {

constexpr int kEnding[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT};

// What a signal handler needs cannot be passed to it.
struct Saved {
  int fd = -1;
  termios mode{};
  struct sigaction actions[std::size(kEnding)];
} saved;

// SIGTTOU is blocked here: a client in the background gives the terminal back, too, rather than stop.
void RestoreAndDie(int signal) {
  tcsetattr(saved.fd, TCSANOW, &saved.mode);
  ::signal(signal, SIG_DFL);
  raise(signal);  // delivered when the handler returns
}

// Whoever only writes is not stopped for it, in the background either.
bool MayChange(int fd, RawTerminal::Mode mode) {
  return mode == RawTerminal::Mode::kKeys || tcgetpgrp(fd) == getpgrp();
}

}  // namespace

Result<RawTerminal> RawTerminal::Enter(int fd, Mode mode) {
  RawTerminal terminal;
  if (!MayChange(fd, mode)) return terminal;
  if (tcgetattr(fd, &saved.mode) < 0)
    return Fail(Code::kInvalid, "the terminal's mode cannot be read: " + std::string(strerror(errno)), errno);
  saved.fd = fd;
  terminal.raw_ = saved.mode;
  terminal.mode_ = mode;
  if (mode == Mode::kKeys)
    cfmakeraw(&terminal.raw_);
  else
    terminal.raw_.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  struct sigaction action{};
  action.sa_handler = RestoreAndDie;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGTTOU);
  for (size_t i = 0; i < std::size(kEnding); i++) {
    sigaction(kEnding[i], nullptr, &saved.actions[i]);
    if (saved.actions[i].sa_handler != SIG_IGN) sigaction(kEnding[i], &action, nullptr);  // nohup stays nohup
  }
  terminal.fd_ = fd;
  // TCSADRAIN, not TCSAFLUSH: what was typed ahead is for the container.
  if (tcsetattr(fd, TCSADRAIN, &terminal.raw_) < 0) return FailErrno("change the terminal's mode");
  return terminal;
}

RawTerminal& RawTerminal::operator=(RawTerminal&& other) noexcept {
  if (this != &other) {
    Leave();
    fd_ = std::exchange(other.fd_, -1);
    mode_ = other.mode_;
    raw_ = other.raw_;
  }
  return *this;
}

void RawTerminal::Leave() {
  if (fd_ < 0) return;
  if (MayChange(fd_, mode_)) tcsetattr(fd_, TCSADRAIN, &saved.mode);  // else a shell has done it
  for (size_t i = 0; i < std::size(kEnding); i++) sigaction(kEnding[i], &saved.actions[i], nullptr);
  fd_ = saved.fd = -1;
}

void RawTerminal::EnterAgain() const {
  if (fd_ >= 0 && MayChange(fd_, mode_)) tcsetattr(fd_, TCSADRAIN, &raw_);
}

Result<TerminalSize> RawTerminal::Size(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return FailErrno("ask the terminal for its size");
  return TerminalSize{size.ws_row, size.ws_col};
}

void SetTerminalSize(int terminal, TerminalSize size) {
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  ioctl(terminal, TIOCSWINSZ, &window);
}

}  // namespace wolffia
