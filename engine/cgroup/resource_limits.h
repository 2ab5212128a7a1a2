// ResourceLimits: what a container may use at most, as it was asked for. Numbers are the user's, not yet the
// kernel's (cgroup_limits.h makes those). Part of a container's record.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace wolffia {

struct DeviceLimit {  // of one block device
  std::string path;   // as it was typed
  uint32_t major = 0, minor = 0;
  uint64_t value = 0;  // bytes or operations a second, or a weight
  bool operator==(const DeviceLimit&) const = default;
};

struct ResourceLimits {
  // Bytes; 0: not asked for; -1: no limit, on purpose.
  int64_t memory = 0;
  int64_t memory_swap = 0;  // memory and swap together
  int64_t memory_reservation = 0, memory_high = 0;
  uint64_t cpu_shares = 0;               // 2..262144; 1024 is one share among equals; 0: not asked for
  uint64_t cpu_period = 0;               // microseconds
  int64_t cpu_quota = 0;                 // microseconds of each period; -1: no limit
  std::string cpuset_cpus, cpuset_mems;  // "0-3,8"
  int64_t pids = 0;                      // -1: no limit
  bool pids_by_default = false;          // nobody asked: it holds where it can
  uint32_t blkio_weight = 0;             // 10..1000
  std::vector<DeviceLimit> blkio_weight_device, read_bps, write_bps, read_iops, write_iops;
  std::map<std::string, std::string> conf;  // --cgroup-conf: file -> text

  bool operator==(const ResourceLimits&) const = default;
  // Something was asked for that must hold.
  bool Any() const {
    ResourceLimits rest = *this;
    if (pids_by_default) rest.pids = 0;
    rest.pids_by_default = false;
    return rest != ResourceLimits();
  }
};

// Where a container's cgroup is, and what it may use there.
struct CgroupConfig {
  std::string mode;             // --cgroups: "" or "enabled" "disabled" "split"
  std::string parent;           // --cgroup-parent: a slice of systemd's, or a path
  bool host_namespace = false;  // --cgroupns=host
  bool move_own = false;        // cgroups.move_own, when it was made
  ResourceLimits limits;
  bool operator==(const CgroupConfig&) const = default;
};

}  // namespace wolffia
