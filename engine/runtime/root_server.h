// RootServer: who serves a container's root over FUSE, in the monitor: with a kernel upper the image's layers
// alone; with a FUSE upper the whole tree, whose writes go to the container's directory (upper/, work/) or to
// a tmpfs of the container's own. And of each image that is mounted in the root.
//
// Its threads read what processes of the container send, so they are confined by Landlock: they write to that
// upper alone, execute nothing, use no TCP, and signal nobody. (The monitor's own thread starts containers,
// whose mounts Landlock would deny.)
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/runtime/launcher.h"
#include "storage/container_store.h"
#include "storage/overlay/lower_server.h"
#include "storage/overlay/overlay_server.h"

namespace wolffia {

class RootServer {
 public:
  RootServer() = default;  // serves nothing
  RootServer(std::shared_ptr<const Lower> lower, IdView ids)
      : lower_(std::move(lower)), ids_(std::move(ids)) {}

  // What needs no descriptor of the child, so that it is done while the child waits for its id maps: the
  // counters, and an upper on the disk, with what a crash left there put right.
  Result<> Prepare(const Context& context, const Store& store, const ContainerRecord& record);
  Result<> Serve(Launcher::Served descriptors);
  Result<> ServeImage(std::shared_ptr<const Lower> lower, Fd fuse);  // that is mounted somewhere in the root
  void FollowClients(Fd proc);  // of the container, if it has one (client_follower.h)
  // The container has ended. Nobody writes to its upper afterwards.
  void Stop();

 private:
  Result<> OpenUpper(Fd upper, Fd work);
  std::function<void()> Confinement() const;

  std::shared_ptr<const Lower> lower_;
  IdView ids_;
  bool fuse_upper_ = false;
  bool durable_ = false;
  OverlayLimits limits_;
  std::vector<std::string> writable_;  // what the threads may write to
  std::unique_ptr<UpperStore> upper_;
  FuseCounts* counts_ = nullptr;
  std::unique_ptr<LowerServer> lower_server_;
  std::unique_ptr<OverlayServer> overlay_server_;
  std::vector<std::unique_ptr<LowerServer>> image_servers_;
};

}  // namespace wolffia
