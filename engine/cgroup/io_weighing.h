// IoWeighing: whether anything on this host divides a disk's time by weights. Only a disk whose scheduler is
// bfq does, or one with io.cost enabled, both of which are the administrator's choice; everywhere else the
// kernel takes a weight and nothing comes of it.
#pragma once

#include <string>

#include "engine/base/context.h"
#include "engine/cgroup/cgroup_limits.h"

namespace wolffia {

struct IoWeighing {
  bool known = false;  // this host's disks can be seen
  bool bfq = false;    // the scheduler of some disk
  bool cost = false;   // enabled for some disk

  // `mount` is that of the v2 tree. `root` stands before every path in tests.
  static IoWeighing Detect(const std::string& mount, const std::string& root = "");
};

// That --blkio-weight changes nothing on such a host, and who can help; empty where it does, or where that
// cannot be known.
std::string IoWeightWarning(const IoWeighing& disks);
// Says so, where a container asks for it.
void WarnOfIoWeight(const Context& context, const CgroupConfig& config);

// WeightsOf, as the disks of this host want them.
ScopeWeights ScopeWeightsHere(const ResourceLimits& limits, const std::string& mount);

// The remedy, a clause that begins with a verb: for the warning, and for the error of one device's weight.
inline constexpr const char* kWeighRemedy =
    "write bfq into /sys/block/DISK/queue/scheduler of the disk, or enable io.cost for it";

}  // namespace wolffia
