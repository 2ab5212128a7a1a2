// What a running container uses: as its cgroup counts it, or else summed over its processes.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/container_store.h"

namespace wolffia {

struct ContainerUsage {
  int64_t cpu_ns = 0, system_ns = 0;  // of its processes, and of those that they have waited for
  int64_t memory = 0;               // bytes; without a cgroup pages that several share count once (Pss), if it can be had
  int64_t memory_limit = 0;         // bytes; 0: the host's memory
  int64_t net_in = 0, net_out = 0;  // bytes; 0 without a network of its own
  int64_t block_in = 0, block_out = 0;  // bytes from and to disks
  int processes = 0;
  int64_t up_ns = 0;  // since it was started
};

Result<ContainerUsage> MeasureUsage(const Store& store, const ContainerStatus& status);

// The number behind "KEY:" at the beginning of a line of a file of /proc; 0 if there is none.
int64_t ProcNumber(std::string_view text, std::string_view key);
// Bytes received and sent, from /proc/PID/net/dev, without the loopback.
std::pair<int64_t, int64_t> NetworkBytes(std::string_view text);

}  // namespace wolffia
