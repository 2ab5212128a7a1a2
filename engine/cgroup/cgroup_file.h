// Files of a cgroup's directory, by its descriptor: read, write, and wait for one to change without polling.
// For the monitor, exec and update.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "engine/cgroup/cgroup_limits.h"

namespace wolffia {

// Whole text of a file such as memory.events; kNotFound where the kernel or the controller has none.
Result<std::string> ReadCgroupFile(int cgroup, const std::string& name);
// One write(2), as the kernel wants it.
Result<> WriteCgroupFile(int cgroup, const std::string& name, std::string_view text);

// The number behind "KEY " at the beginning of a line ("oom_kill 3"); `otherwise` if there is none. "max":
// INT64_MAX.
int64_t CgroupNumber(std::string_view text, std::string_view key, int64_t otherwise = 0);
// The same of a file that is one number, as memory.current.
int64_t CgroupValue(std::string_view text, int64_t otherwise = 0);

// Waits until cgroup.events says "KEY value". kBusy at the deadline.
Result<> AwaitCgroupEvent(int cgroup, std::string_view key, int64_t value, int64_t patience_ns);

// Removes a cgroup that has no processes, with those that its container made below it. EBUSY where one has.
Result<> RemoveCgroup(int parent, const std::string& name);

// All or nothing: what was written is taken back where a later one fails. The error names the flag.
// `undo`, if there is one, is what takes all of it back later.
using LimitUndo = std::vector<std::pair<std::string, std::string>>;  // file, text
Result<> WriteLimits(int cgroup, const std::vector<CgroupWrite>& writes, LimitUndo* undo = nullptr);
void TakeBackLimits(int cgroup, const LimitUndo& undo);

}  // namespace wolffia
