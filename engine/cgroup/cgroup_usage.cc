#include "engine/cgroup/cgroup_usage.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "engine/base/file.h"
#include "engine/cgroup/cgroup_file.h"

namespace wolffia {
namespace {

constexpr int64_t kMicrosecond = 1000;

template <typename Number>
Number FieldOf(std::string_view line, std::string_view key) {
  Number value = 0;
  const std::string wanted = " " + std::string(key) + "=";
  const size_t at = line.find(wanted);
  if (at == std::string_view::npos) return value;
  line.remove_prefix(at + wanted.size());
  std::from_chars(line.data(), line.data() + line.size(), value);
  return value;
}

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

std::vector<PressureLine> ParsePressure(std::string_view resource, std::string_view text) {
  std::vector<PressureLine> lines;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    const std::string_view who = line.substr(0, line.find(' '));
    if (who != "some" && who != "full") continue;
    lines.push_back({std::string(resource), std::string(who), FieldOf<double>(line, "avg10"),
                     FieldOf<double>(line, "avg60"), FieldOf<double>(line, "avg300"),
                     FieldOf<int64_t>(line, "total")});
  }
  return lines;
}

int64_t SumOfIoStat(std::string_view text, std::string_view key) {
  int64_t sum = 0;
  while (!text.empty()) sum += FieldOf<int64_t>(TakeLine(text), key);
  return sum;
}

Result<CgroupReading> ReadCgroupUsage(const std::string& cgroup) {
  Fd directory = TRY(OpenDirectory(AT_FDCWD, cgroup));
  const int at = directory.get();
  CgroupReading reading;
  CgroupUsage& usage = reading.usage;
  if (auto text = ReadCgroupFile(at, "cpu.stat")) {  // there without the controller, too
    reading.has_cpu = true;
    usage.cpu_ns = CgroupNumber(*text, "usage_usec") * kMicrosecond;
    usage.system_ns = CgroupNumber(*text, "system_usec") * kMicrosecond;
  }
  if (auto text = ReadCgroupFile(at, "memory.current")) {
    reading.has_memory = true;
    const std::string stat = ReadCgroupFile(at, "memory.stat").value_or("");
    usage.memory = std::max<int64_t>(0, CgroupValue(*text) - CgroupNumber(stat, "inactive_file"));
    const int64_t limit = CgroupValue(ReadCgroupFile(at, "memory.max").value_or("max"));
    usage.memory_limit = limit == INT64_MAX ? 0 : limit;
  }
  if (auto text = ReadCgroupFile(at, "pids.current")) {
    reading.has_pids = true;
    usage.pids = CgroupValue(*text);
  }
  if (auto text = ReadCgroupFile(at, "io.stat")) {
    reading.has_io = true;
    usage.block_in = SumOfIoStat(*text, "rbytes");
    usage.block_out = SumOfIoStat(*text, "wbytes");
  }
  return reading;
}

std::vector<PressureLine> ReadPressure(const std::string& cgroup) {
  std::vector<PressureLine> all;
  auto directory = OpenDirectory(AT_FDCWD, cgroup);
  if (!directory) return all;
  for (const std::string resource : {"cpu", "memory", "io"})
    if (auto text = ReadCgroupFile(directory->get(), resource + ".pressure"))
      for (PressureLine& line : ParsePressure(resource, *text)) all.push_back(std::move(line));
  return all;
}

}  // namespace wolffia
