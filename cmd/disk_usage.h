// What images, containers and volumes take on the disk, and how much of it could be had back: `system df`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/image_view.h"
#include "engine/base/context.h"
#include "storage/volume_store.h"

namespace wolffia {

struct ImageUsage {
  ImageGroup group;
  int64_t size = 0, unique = 0;  // bytes of its layers; of those that no other image has
  int containers = 0;
};

struct ContainerUsageOnDisk {
  ContainerStatus status;
  int64_t size = 0;
  int volumes = 0;
};

struct VolumeUsage {
  VolumeRecord record;
  int64_t size = 0;
  int users = 0;  // containers
};

struct UsageTotal {
  int64_t count = 0, active = 0, size = 0, reclaimable = 0;
};

struct DiskUsage {
  std::vector<ImageUsage> images;
  std::vector<ContainerUsageOnDisk> containers;
  std::vector<VolumeUsage> volumes;
  UsageTotal image_total, container_total, volume_total;

  static Result<DiskUsage> Measure(const Context& context, const Store& store);
};

}  // namespace wolffia
