// Limits as the kernel takes them: which file of a container's cgroup gets which text. Pure.
//
// Most are files of the payload. Weights and protections count among siblings, and the payload's only sibling
// is its supervisor: they are of the cgroup above, "../cpu.weight". So is io.max: the supervisor reads and
// writes for the container whatever goes through FUSE.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/cgroup/resource_limits.h"

namespace wolffia {

struct CgroupWrite {
  std::string controller;  // "memory"; of "memory.oom.group" too
  std::string flag;        // that asked for it: "--memory"
  std::string file, text;  // the file's path from the payload
  bool optional =
      false;  // a file that this kernel does not have, or a controller, changes nothing for the user
  std::string other_file, other_text;  // where the kernel has that one, too or instead; empty: none. Of two
                                       // that it has, one taking it is enough
  bool operator==(const CgroupWrite&) const = default;
};

// What systemd is to know of limits of the scope itself, so that it does not undo them: 0 where nothing was
// asked for.
struct ScopeWeights {
  uint64_t cpu = 0, io = 0, memory_low = 0;
  std::vector<std::pair<std::string, uint64_t>> io_devices;  // "/dev/block/8:16", weight
  bool operator==(const ScopeWeights&) const = default;
};
// systemd knows io.cost's weights only, and makes bfq's of them: where `io_cost` divides disks they are those
// of PlanLimits, elsewhere those of which it makes the very weights of bfq that PlanLimits has.
ScopeWeights WeightsOf(const ResourceLimits& limits, bool io_cost);

// In the order in which they have to be written. Only what was asked for.
std::vector<CgroupWrite> PlanLimits(const ResourceLimits& limits);

// kInvalid in podman's words: what contradicts itself or is out of range.
Result<> CheckLimitValues(const ResourceLimits& limits);

// --cgroup-conf: a file of a controller. kInvalid for a path, and for files by which a cgroup is managed.
Result<> CheckCgroupFile(std::string_view name, std::string_view text);

// "0-3,8": the kernel's list format (cpuset(7)).
bool IsCpuList(std::string_view text);

}  // namespace wolffia
