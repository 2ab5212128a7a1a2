#include "cmd/container_usage.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "cmd/container_processes.h"
#include "engine/cgroup/cgroup_usage.h"

namespace wolffia {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::string_view TrimLeft(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text;
}

int64_t LeadingNumber(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

int64_t MemoryOf(const ContainerProcesses& view, const ContainerProcess& process) {
  if (auto rollup = view.ReadOf(process.pid, "smaps_rollup"))
    if (int64_t pss = ProcNumber(*rollup, "Pss"); pss > 0) return pss * 1024;
  return static_cast<int64_t>(process.resident_bytes);
}

// What the kernel has counted is better than what can be seen now: it has those that have ended, too.
void TakeCounted(const CgroupReading& counted, ContainerUsage& usage) {
  if (counted.has_cpu) {
    usage.cpu_ns = counted.usage.cpu_ns;
    usage.system_ns = counted.usage.system_ns;
  }
  if (counted.has_memory) {
    usage.memory = counted.usage.memory;
    usage.memory_limit = counted.usage.memory_limit;
  }
  if (counted.has_pids) usage.processes = static_cast<int>(counted.usage.pids);
  if (counted.has_io) {
    usage.block_in = counted.usage.block_in;
    usage.block_out = counted.usage.block_out;
  }
}

}  // namespace

int64_t ProcNumber(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":"))
      return LeadingNumber(TrimLeft(line.substr(key.size() + 1)));
  }
  return 0;
}

std::pair<int64_t, int64_t> NetworkBytes(std::string_view text) {
  int64_t in = 0, out = 0;
  while (!text.empty()) {
    std::string_view line = TrimLeft(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || line.substr(0, colon) == "lo") continue;
    std::vector<int64_t> fields;
    for (std::string_view rest = TrimLeft(line.substr(colon + 1)); !rest.empty();) {
      fields.push_back(LeadingNumber(rest));
      rest.remove_prefix(std::min(rest.find(' '), rest.size()));
      rest = TrimLeft(rest);
    }
    if (fields.size() < 9) continue;
    in += fields[0];
    out += fields[8];
  }
  return {in, out};
}

Result<ContainerUsage> MeasureUsage(const Store& store, const ContainerStatus& status) {
  ContainerProcesses view = TRY(ContainerProcesses::Open(store, status));
  const int64_t tick = kSecond / sysconf(_SC_CLK_TCK);
  CgroupReading counted;
  if (status.started && !status.started->cgroup.empty())
    counted = ReadCgroupUsage(status.started->cgroup).value_or(CgroupReading());
  ContainerUsage usage;
  int64_t first = INT64_MAX;
  int first_pid = 0;
  for (const ContainerProcess& process : TRY(view.List())) {
    usage.processes++;
    usage.cpu_ns += (process.user_ticks + process.system_ticks + process.children_ticks) * tick;
    usage.system_ns += process.system_ticks * tick;
    if (!counted.has_memory) usage.memory += MemoryOf(view, process);
    if (auto io = view.ReadOf(process.pid, "io")) {
      usage.block_in += ProcNumber(*io, "read_bytes");
      usage.block_out += ProcNumber(*io, "write_bytes");
    }
    if (process.start_ticks < first) {
      first = process.start_ticks;
      first_pid = process.pid;
    }
  }
  TakeCounted(counted, usage);
  if (first_pid == 0) return usage;
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  usage.up_ns = std::max<int64_t>(0, int64_t{boot.tv_sec} * kSecond + boot.tv_nsec - first * tick);
  if (status.record.network != "host")
    if (auto devices = view.ReadOf(first_pid, "net/dev"))
      std::tie(usage.net_in, usage.net_out) = NetworkBytes(*devices);
  return usage;
}

}  // namespace wolffia
