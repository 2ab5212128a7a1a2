// CgroupUsage: what the processes of a cgroup have used and how much they had to wait, as the kernel counts
// it: those that have ended included (cgroup-v2.rst; psi.rst).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct PressureLine {                       // of cpu.pressure, memory.pressure, io.pressure
  std::string resource;                     // "cpu"
  std::string who;                          // "some" or "full"
  double avg10 = 0, avg60 = 0, avg300 = 0;  // percent of the time
  int64_t total_us = 0;
  bool operator==(const PressureLine&) const = default;
};

struct CgroupUsage {
  int64_t cpu_ns = 0, system_ns = 0;
  int64_t memory = 0;        // bytes, without the file cache that the kernel would drop first
  int64_t memory_limit = 0;  // bytes; 0: none
  int64_t pids = 0;
  int64_t block_in = 0, block_out = 0;  // bytes
};

// `cgroup`: its directory. What a controller that is missing would tell is 0, and `has_...` of it false.
struct CgroupReading {
  CgroupUsage usage;
  bool has_cpu = false, has_memory = false, has_pids = false, has_io = false;
};
Result<CgroupReading> ReadCgroupUsage(const std::string& cgroup);

std::vector<PressureLine> ReadPressure(const std::string& cgroup);

// Of their texts; pure.
std::vector<PressureLine> ParsePressure(std::string_view resource, std::string_view text);
// Sum of KEY=N over the devices of io.stat.
int64_t SumOfIoStat(std::string_view text, std::string_view key);

}  // namespace wolffia
