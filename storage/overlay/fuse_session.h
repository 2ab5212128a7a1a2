// FuseSession: one libfuse session on a mounted /dev/fuse and the threads that serve it. Knows no file
// system: the operations and their userdata come from outside. Counts requests by opcode.
//
// A request is read here, checked (fuse_request.h), shown to the `intercept` of the options, and goes to
// libfuse if that did not answer it.
//
// Threads. The first starts with the session; another one is added, up to the limit, when a request arrives
// and no thread waits for its turn (request_reader.h), so that an idle container has two. They block every
// signal but the one that Stop sends, have small stacks, and end by themselves when the file system is
// unmounted. Operations run on them concurrently.
//
// No lock is held while an operation runs. A thread that a dead network file system holds in a read cannot be
// ended by anyone; Stop leaves it behind after kStopPatience, with everything that it refers to.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <functional>
#include <memory>
#include <vector>

#include "engine/base/fd.h"
#include "engine/base/result.h"
#include "storage/overlay/fuse_counters.h"
#include "storage/overlay/fuse_request.h"

namespace wolffia {

// Largest request that is taken, and with it the largest write: the protocol's limit on most machines (256
// pages of 4 KiB).
inline constexpr unsigned kFuseMaxWrite = 1 << 20;

struct FuseSessionOptions {
  int threads = 4;               // at most; 1 to kMaxFuseThreads
  FuseCounts* counts = nullptr;  // null: in memory of the session's own; else it lives as long as the process
  // Flags of the handshake that libfuse does not know: asked for where the kernel has them.
  uint32_t init_flags = 0;
  // Sees each request that is well-formed on the thread that serves it, just before libfuse; true: it has
  // been answered.
  bool (*intercept)(void* userdata, const FuseRequest& request) = nullptr;
  // Done by the first thread before it reads a request; the others are started by it and inherit what it did
  // to itself.
  std::function<void()> confine;
};
inline constexpr int kMaxFuseThreads = 16;

class FuseSession {
 public:
  // `userdata` lives as long as a thread may use it. `operations` is copied.
  static Result<std::unique_ptr<FuseSession>> Start(const fuse_lowlevel_ops& operations,
                                                    std::shared_ptr<void> userdata, Fd fuse_fd,
                                                    const FuseSessionOptions& options);
  ~FuseSession();
  void Stop();  // idempotent
  void Wait();  // until the file system has been unmounted, or another thread called Stop
  // From now on one more thread may follow the process that asks from processor to processor
  // (client_follower.h, which says what `proc` is). Once.
  void FollowClients(Fd proc);
  std::vector<FuseCounter> Counters() const;

 private:
  struct State;
  explicit FuseSession(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace wolffia
