// RawTerminal: the user's terminal while its keys belong to a container: raw mode, and back on every way out
// that a process has a say in: the end of its scope, and SIGTERM, SIGHUP, SIGINT, SIGQUIT and abort by a
// handler that only calls tcsetattr(3). After SIGKILL of the client the terminal stays raw; `reset` helps.
#pragma once

#include <termios.h>

#include <utility>

#include "engine/base/result.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {

class RawTerminal {
 public:
  RawTerminal() = default;
  // One at a time in a process. kInvalid if `fd` is no terminal.
  static Result<RawTerminal> Enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept : fd_(std::exchange(other.fd_, -1)), raw_(other.raw_) {}
  RawTerminal& operator=(RawTerminal&& other) noexcept;
  ~RawTerminal() { Leave(); }

  explicit operator bool() const { return fd_ >= 0; }
  void Leave();
  void EnterAgain() const;  // after SIGCONT: the shell had the terminal meanwhile

  static Result<TerminalSize> Size(int fd);

 private:
  int fd_ = -1;
  termios raw_{};
};

void SetTerminalSize(int terminal, TerminalSize size);  // of a master: the processes on it get SIGWINCH

}  // namespace wolffia
