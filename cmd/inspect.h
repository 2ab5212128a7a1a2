// The documents of `wolffia inspect`, with podman's field names.
#pragma once

#include "cmd/container_size.h"
#include "cmd/image_view.h"
#include "cmd/template/template.h"
#include "engine/cgroup/cgroup_usage.h"
#include "engine/oci/runtime_spec.h"
#include "storage/container_store.h"
#include "storage/volume_store.h"

namespace wolffia {

// What a description of a container is made of.
struct ContainerDetails {
  ContainerStatus status;
  RuntimeSpec spec;
  ImageConfig image;              // empty with --rootfs, and where the image cannot be read
  std::string image_digest;       // of its manifest, while an image record has it
  std::string directory;          // of the container
  std::vector<SpecMount> mounts;  // that the user asked for
  std::vector<std::string> exec_ids;
  std::string runroot;
  std::vector<std::pair<std::string, uint64_t>> fuse_operations;
  NetworkState network;  // of one that runs
  std::optional<ContainerSize> size;
  bool default_pids_hold = false;  // the default --pids-limit, where nobody asked for one
  std::string cgroup_path;         // in the tree of cgroups, of one that runs
  std::vector<PressureLine> pressure;
};

// Reads them. kNotFound if the container was removed meanwhile.
Result<ContainerDetails> ReadContainerDetails(const Store& store, const ContainerStatus& status);

// Pure.
Value DescribeContainer(const ContainerDetails& details);
Value DescribeState(const ContainerDetails& details);
Value DescribeHostConfig(const ContainerDetails& details);
// Puts the user-defined networks into NetworkSettings.
void DescribeNetworks(const ContainerDetails& details, Value& settings);

Result<Value> DescribeImage(const Store& store, const ImageGroup& group);
// `users`: how many containers name it.
Value DescribeVolume(const Store& store, const VolumeRecord& record, size_t users);

}  // namespace wolffia
