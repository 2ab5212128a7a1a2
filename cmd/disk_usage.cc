#include "cmd/disk_usage.h"

#include <map>
#include <set>

#include "cmd/container_size.h"
#include "cmd/container_view.h"
#include "engine/runtime/tree_size.h"
#include "storage/blob_store.h"

namespace wolffia {
namespace {

// Layers are shared: each counts once, and can be had back when no image with a container has it.
Result<> MeasureImages(const Store& store, const std::vector<ContainerStatus>& containers, DiskUsage& usage) {
  BlobStore blobs(store);
  std::map<Digest, int> users;  // images that have the layer
  std::map<Digest, int64_t> sizes;
  std::set<Digest> needed;
  for (ImageGroup& group : GroupImages(TRY(ImageStore(store).List()))) {
    ImageUsage image{std::move(group), 0, 0, 0};
    image.containers = static_cast<int>(UsersOf(image.group.id(), containers).size());
    const auto& layers = image.group.first().diff_ids;
    for (const Digest& layer : std::set<Digest>(layers.begin(), layers.end())) {
      users[layer]++;
      sizes[layer] = blobs.Size(layer).value_or(0);
      if (image.containers > 0) needed.insert(layer);
    }
    usage.images.push_back(std::move(image));
  }
  for (ImageUsage& image : usage.images) {
    const auto& layers = image.group.first().diff_ids;
    for (const Digest& layer : std::set<Digest>(layers.begin(), layers.end())) {
      image.size += sizes[layer];
      if (users[layer] == 1) image.unique += sizes[layer];
    }
    usage.image_total.count++;
    usage.image_total.active += image.containers > 0 ? 1 : 0;
  }
  for (const auto& [layer, size] : sizes) {
    usage.image_total.size += size;
    if (!needed.contains(layer)) usage.image_total.reclaimable += size;
  }
  return {};
}

Result<> MeasureContainers(const Context& context, const Store& store,
                           std::vector<ContainerStatus> containers, DiskUsage& usage) {
  ContainerMeasure measure(context, store);
  for (ContainerStatus& status : containers) {
    auto size = measure.Of(status);
    if (!size && size.error().code == Code::kNotFound) continue;  // removed meanwhile
    // A directory of the user's that a container has as its root is not ours.
    int64_t bytes = TRY(std::move(size)).changed * (status.record.rootfs.empty() ? 1 : 0);
    const bool up = IsUp(status);
    usage.container_total.count++;
    usage.container_total.active += up ? 1 : 0;
    usage.container_total.size += bytes;
    usage.container_total.reclaimable += up ? 0 : bytes;
    int volumes = static_cast<int>(status.record.volumes.size());
    usage.containers.push_back({std::move(status), bytes, volumes});
  }
  return {};
}

Result<> MeasureVolumes(const Context& context, const Store& store, DiskUsage& usage) {
  VolumeStore volumes(store);
  for (VolumeRecord& record : TRY(volumes.List())) {
    auto size = MeasureTree(context, volumes.DataPath(record.name));
    if (!size && size.error().code == Code::kNotFound) continue;
    VolumeUsage volume{.record = std::move(record)};
    volume.size = TRY(std::move(size));
    volume.users = static_cast<int>(TRY(volumes.Users(volume.record.name)).size());
    usage.volume_total.count++;
    usage.volume_total.active += volume.users > 0 ? 1 : 0;
    usage.volume_total.size += volume.size;
    usage.volume_total.reclaimable += volume.users > 0 ? 0 : volume.size;
    usage.volumes.push_back(std::move(volume));
  }
  return {};
}

}  // namespace

Result<DiskUsage> DiskUsage::Measure(const Context& context, const Store& store) {
  DiskUsage usage;
  std::vector<ContainerStatus> containers = TRY(ContainerStore(store).List());
  TRY(MeasureImages(store, containers, usage));
  TRY(MeasureContainers(context, store, std::move(containers), usage));
  TRY(MeasureVolumes(context, store, usage));
  return usage;
}

}  // namespace wolffia
