// FuseSession: one libfuse session on a mounted /dev/fuse and the threads that serve it. Knows no file
// system: the operations and their userdata come from outside. Counts requests by opcode.
//
// Threads. The first starts with the session; another one is added, up to kMaxThreads, when a request arrives
// while every thread has one already, so that an idle container has two. They block every signal but the one
// that Stop sends, have small stacks, and end by themselves when the file system is unmounted. Operations run
// on them concurrently.
//
// No lock is held while an operation runs. A thread that a dead network file system holds in a read cannot be
// ended by anyone; Stop leaves it behind after kStopPatience, with everything that it refers to.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <memory>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/lower_server.h"

namespace wolffia {

class FuseSession {
 public:
  // `userdata` lives as long as a thread may use it. `operations` is copied.
  static Result<std::unique_ptr<FuseSession>> Start(const fuse_lowlevel_ops& operations,
                                                    std::shared_ptr<void> userdata, Fd fuse_fd);
  ~FuseSession();
  void Stop();
  std::vector<FuseCounter> Counters() const;

 private:
  struct State;
  explicit FuseSession(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
  std::vector<FuseCounter> final_counters_;
};

}  // namespace wolffia
