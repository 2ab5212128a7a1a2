// LowerServer: the read-only FUSE file system over a Lower, in threads of this process. It answers from the index and
// the tars alone; nothing that the kernel or a container sends makes it abort or write.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/id_view.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

// What the child passes to mount(2) for the file system that `fuse_fd` serves: "fd=N,rootmode=40000,user_id=0,..."
std::string FuseMountOptions(int fuse_fd);

struct FuseCounter {
  std::string operation;
  uint64_t count;
};

class LowerServer {
 public:
  // Serves on `fuse_fd` (/dev/fuse, opened and mounted inside the container's namespaces). Ownership passes. Threads
  // start at once and end when the file system is unmounted or Stop is called.
  static Result<std::unique_ptr<LowerServer>> Start(std::shared_ptr<const Lower> lower, IdView ids, Fd fuse_fd);
  virtual ~LowerServer() = default;
  // Ends the session (outstanding requests fail with ENOTCONN) and joins the threads. Idempotent.
  virtual void Stop() = 0;
  virtual std::vector<FuseCounter> Counters() const = 0;
};

}  // namespace wolffia
