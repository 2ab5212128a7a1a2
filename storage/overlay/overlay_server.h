// OverlayServer: an OverlayTree behind FUSE, in threads of this process: the adapter that takes requests
// apart and replies.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/fuse_counters.h"
#include "storage/overlay/overlay_tree.h"

namespace wolffia {

struct OverlayServerOptions {
  double timeout = 1e9;  // seconds that the kernel may remember names and attributes (it is the only writer)
  bool writeback = false;  // the kernel keeps dirty pages; see overlay_server.cc for what that costs and wins
  int threads = 4;         // at most
  FuseCounts* counts = nullptr;  // where requests are counted (fuse_counters.h); null: in memory of its own
  std::function<void()> confine;  // see FuseSessionOptions
};

class OverlayServer {
 public:
  // Serves on `fuse_fd` (/dev/fuse, opened and mounted inside the container's namespaces). Ownership passes.
  // Threads start at once and end when the file system is unmounted or Stop is called.
  static Result<std::unique_ptr<OverlayServer>> Start(std::unique_ptr<OverlayTree> tree,
                                                      OverlayServerOptions options, Fd fuse_fd);
  virtual ~OverlayServer() = default;
  virtual void Stop() = 0;  // ends the session and joins the threads. Idempotent
  virtual void Wait() = 0;  // until it has been unmounted
  virtual void FollowClients(Fd proc) = 0;  // FuseSession::FollowClients
  virtual std::vector<FuseCounter> Counters() const = 0;
};

}  // namespace wolffia
