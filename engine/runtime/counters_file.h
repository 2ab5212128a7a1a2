// The counters of a container's FUSE requests in a file of the runtime directory, so that `inspect` can read
// them while the monitor counts.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/fuse_counters.h"

namespace wolffia {

// Makes the file anew, all zeros, and maps it. The mapping lives as long as the process: a thread of a FUSE
// server that hangs in a dead file system may count to its end.
Result<FuseCounts*> MapCounters(const std::string& path);

// kNotFound where there is no file.
Result<std::vector<FuseCounter>> ReadCounters(const std::string& path);

}  // namespace wolffia
