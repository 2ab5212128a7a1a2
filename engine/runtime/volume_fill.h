// VolumeFill: what an image has at the place of a volume, copied into the volume's empty directory: all kinds
// of files but devices, with owners (as the container's user namespace maps them), modes, times, links and
// xattrs. Read from the image's index: nothing is mounted, and no link of the image is followed on the host.
#pragma once

#include <memory>
#include <string>

#include "engine/base/file.h"
#include "engine/runtime/host_facts.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

struct VolumeFill {
  std::shared_ptr<const Lower> lower;  // null: the container has no image (--rootfs)
  std::string path;                    // in the image, where the volume will be mounted
  bool copy = true;                    // false: only owner, mode and times of the directory itself (nocopy)
  uint32_t uid = 0, gid = 0;           // ids of the container, for a place that the image does not have
};

// True if the image has a directory with entries at the place.
bool HasContent(const VolumeFill& fill);

// `data`: the empty directory. kUnsupported for a device node, which an ordinary user cannot make. The caller
// must have one thread only.
Result<> FillVolume(const VolumeFill& fill, int data, const IdMaps& maps, const HostFacts& host,
                    Durability durability);

// Gives everything at `path` on its file system to a user of the container (volume option U); links are
// changed, never followed. What cannot be changed is an error that names the file.
Result<> ChownTree(const std::string& path, uint32_t uid, uint32_t gid, const IdMaps& maps,
                   const HostFacts& host);

}  // namespace wolffia
