// Pausing a container without a freezer of cgroups: every process of its pid namespace is stopped by SIGSTOP.
// Unlike with a freezer a parent inside may notice.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "engine/base/result.h"

namespace wolffia {

// Processes that were stopped before: pid inside, start time. They are not continued.
using StoppedBefore = std::set<std::pair<int, int64_t>>;

// `proc`: the container's own /proc. Until a look at it finds none that has not been told to stop.
Result<StoppedBefore> PauseProcesses(int proc);
Result<> ContinueProcesses(int proc, const StoppedBefore& stopped_before);

}  // namespace wolffia
