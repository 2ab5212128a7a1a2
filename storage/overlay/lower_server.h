// LowerServer: the read-only FUSE file system over a Lower, in threads of this process. It answers from the
// index and the tars alone; nothing that the kernel or a container sends makes it abort or write.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/fuse_counters.h"
#include "storage/overlay/id_view.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

// What the child passes to mount(2), type "fuse", for the file system that `fuse_fd` serves. The kernel
// checks modes (default_permissions) for every user of the container (allow_other). `uid` and `gid` only have
// to be mapped in the namespace of the mount. The caller adds MS_RDONLY | MS_NODEV, and lets no copy of the
// descriptor live on: with one, requests hang instead of failing when the server is gone.
std::string FuseMountOptions(int fuse_fd, uint32_t uid = 0, uint32_t gid = 0);

class LowerServer {
 public:
  // Serves on `fuse_fd` (/dev/fuse, opened and mounted inside the container's namespaces). Ownership passes.
  // Threads start at once and end when the file system is unmounted or Stop is called. Requests are counted
  // in `counts`, which lives as long as the process; null: in memory of the server's own. `confine`: see
  // FuseSessionOptions.
  static Result<std::unique_ptr<LowerServer>> Start(std::shared_ptr<const Lower> lower, IdView ids,
                                                    Fd fuse_fd, FuseCounts* counts = nullptr,
                                                    std::function<void()> confine = {});
  virtual ~LowerServer() = default;
  // Ends the session (outstanding requests fail with ENOTCONN) and joins the threads. Idempotent.
  virtual void Stop() = 0;
  virtual void FollowClients(Fd proc) = 0;  // FuseSession::FollowClients
  virtual std::vector<FuseCounter> Counters() const = 0;
};

}  // namespace wolffia
