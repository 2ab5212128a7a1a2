// SeccompRecorder: listens to a container that is asked about every system call (RecordingFilter), writes
// down which they are, and lets each go on. In a thread of its own, which never waits for the container, so
// that the container may wait for any other.
#pragma once

#include <memory>
#include <set>
#include <thread>

#include "engine/base/fd.h"
#include "engine/runtime/seccomp.h"

namespace wolffia {

class SeccompRecorder {
 public:
  static Result<std::unique_ptr<SeccompRecorder>> Begin(Fd listener);
  ~SeccompRecorder() { Stop(); }
  SeccompRecorder(const SeccompRecorder&) = delete;

  // The container has ended. What is left of it fails at its next call.
  std::set<SeccompCall> Finish();

 private:
  SeccompRecorder() = default;
  void Run();
  void Note();
  void Stop();

  Fd listener_, stop_;
  std::thread thread_;
  std::set<SeccompCall> calls_;  // the thread's, until it has ended
  bool executed_ = false;        // before it the calls are the launch's own
};

}  // namespace wolffia
