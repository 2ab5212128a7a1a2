// RawTerminal: the user's terminal while a container has it, and back on every way out that a process has a
// say in: the end of its scope, and SIGTERM, SIGHUP, SIGINT, SIGQUIT and abort by a handler that only calls
// tcsetattr(3). After SIGKILL of the client the terminal stays as it was; `reset` helps.
#pragma once

#include <termios.h>

#include <utility>

#include "engine/base/result.h"
#include "engine/runtime/control_protocol.h"

namespace wolffia {

class RawTerminal {
 public:
  // kKeys: every key is a byte for the container (raw mode). kOutput: its terminal has made "\r\n" of each
  // line feed, and ours adds no other "\r"; keys keep their meaning.
  enum class Mode { kKeys, kOutput };

  RawTerminal() = default;
  // One at a time in a process. kInvalid if `fd` is no terminal.
  static Result<RawTerminal> Enter(int fd, Mode mode);
  RawTerminal(RawTerminal&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), mode_(other.mode_), raw_(other.raw_) {}
  RawTerminal& operator=(RawTerminal&& other) noexcept;
  ~RawTerminal() { Leave(); }

  bool TakesKeys() const { return fd_ >= 0 && mode_ == Mode::kKeys; }
  void Leave();
  void EnterAgain() const;  // after SIGCONT: the shell had the terminal meanwhile

  static Result<TerminalSize> Size(int fd);

 private:
  int fd_ = -1;
  Mode mode_ = Mode::kKeys;
  termios raw_{};
};

void SetTerminalSize(int terminal, TerminalSize size);  // of a master: the processes on it get SIGWINCH

}  // namespace wolffia
