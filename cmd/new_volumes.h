// The volumes, mounted images and secrets of a new container. First names are found for all of them (nothing
// is made yet); then, once the spec says who the container's user is, volumes are made and filled.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/session.h"
#include "engine/oci/image_config.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/run_request.h"
#include "storage/container_store.h"
#include "storage/overlay/lower_index.h"
#include "storage/volume_store.h"

namespace wolffia {

// Adds to request.mounts those of --volumes-from and of the image's VOLUMEs, gives anonymous volumes their
// names, and every volume the host directory that is mounted. Returns what the record is to say.
Result<std::vector<VolumeUse>> NameVolumes(const Store& store, const ImageConfig& image, RunRequest& request);

// Resolves the images of --mount type=image, in their order, and names their places in `container_dir`.
// kNotFound in podman's words: nothing is pulled.
Result<std::vector<ImageUse>> NameImages(const Command& command, const Session& session,
                                         const std::string& container_dir, RunRequest& request);

// --secret: each gets its id, and its bytes become a file of the container's directory.
Result<> TakeSecrets(const Store& store, const IdMaps& maps, RunRequest& request, ContainerFiles& files);

struct VolumeInputs {
  const Context& context;
  const Store& store;
  const HostFacts& host;
  const IdMaps& maps;
  std::shared_ptr<const Lower> lower;  // null with --rootfs
  uint32_t uid = 0, gid = 0;           // the container's user
};

// Volumes that a container is about to use: held, so that nobody removes them before its record names them.
// Those without a name that were made for it go again unless they are kept.
class NewVolumes {
 public:
  static Result<NewVolumes> Make(const VolumeInputs& inputs, const std::vector<MountRequest>& mounts,
                                 const std::vector<VolumeUse>& uses);
  NewVolumes(NewVolumes&&) noexcept = default;
  NewVolumes& operator=(NewVolumes&&) = delete;
  ~NewVolumes();
  void Keep() { made_.clear(); }

 private:
  explicit NewVolumes(const VolumeInputs& inputs) : context_(&inputs.context), store_(&inputs.store) {}
  Result<> MakeOne(const VolumeInputs& inputs, const MountRequest& mount, const VolumeUse& use);

  const Context* context_;
  const Store* store_;
  std::vector<FileLock> locks_;
  std::vector<std::string> made_;
};

}  // namespace wolffia
