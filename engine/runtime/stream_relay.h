// One stream between a container and a descriptor of the user's, moved as poll(2) allows: never blocking in a
// read or in a write to a pipe, without O_NONBLOCK on descriptors that other programs share.
#pragma once

#include <poll.h>

#include <optional>
#include <string>

#include "engine/base/fd.h"
#include "engine/runtime/detach_keys.h"

namespace wolffia {

// From the container to standard output or error. From pipe to pipe no byte is copied (splice(2)).
class OutputRelay {
 public:
  OutputRelay() = default;
  // `source` is ours alone: a pipe, or a pseudo-terminal's master (EIO is its end). `target` stays the
  // user's.
  OutputRelay(Fd source, int target);

  bool done() const { return !source_ && pending_.empty(); }
  pollfd Wanted() const;  // fd -1: nothing to wait for
  // After poll said so. An error is the target's; EPIPE: its reader has gone.
  Result<> Move();
  void Abandon();  // the rest is not wanted

 private:
  enum class Target { kPipe, kSocket, kFile, kOther };
  Result<> Splice();
  Result<> Fill();
  Result<> Drain();

  Fd source_;
  int target_ = -1;
  Target kind_ = Target::kOther;
  bool target_full_ = false;
  std::string pending_;  // read and not yet written
  size_t written_ = 0;   // of it
};

// From standard input to the container.
class InputRelay {
 public:
  InputRelay() = default;
  // `target`: ours alone, non-blocking: a pipe, closed at the end of the input, or a pseudo-terminal's
  // master, which then gets the end-of-file character.
  InputRelay(int source, Fd target, bool terminal, std::string detach_keys);

  bool done() const { return !target_; }
  pollfd Wanted() const;
  pollfd Hangup() const { return {target_.get(), 0, 0}; }  // POLLERR: the container reads no more
  bool Move();                                             // true: the detach keys came
  void Close() { target_.Reset(); }

 private:
  void Finish();

  int source_ = -1;
  Fd target_;
  bool terminal_ = false;
  DetachMatcher keys_{""};
  std::string pending_;
  size_t written_ = 0;
  bool ended_ = false;
};

}  // namespace wolffia
