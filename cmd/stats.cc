// wolffia stats.
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cmd/container_size.h"
#include "cmd/container_usage.h"
#include "cmd/container_view.h"
#include "cmd/dispatch.h"
#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/top_columns.h"

namespace wolffia {
namespace {

struct Sample {
  ContainerStatus status;
  ContainerUsage usage;
  double cpu = 0, average_cpu = 0;  // percent of one processor
};

std::string Percent(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.2f%%", value);
  return text;
}

std::string Pair(int64_t a, int64_t b) {
  return a == 0 && b == 0 ? "-- / --" : CompactSize(a, 4) + " / " + CompactSize(b, 4);
}

double MemoryShare(const ContainerUsage& usage, int64_t limit) {
  return limit == 0 ? 0 : 100 * static_cast<double>(usage.memory) / static_cast<double>(limit);
}

int64_t HostMemory() {
  struct sysinfo host{};
  return sysinfo(&host) < 0 ? 0 : static_cast<int64_t>(uint64_t{host.totalram} * host.mem_unit);
}

Value RowOf(const Sample& sample, int64_t host_memory, bool no_trunc) {
  const ContainerRecord& record = sample.status.record;
  const ContainerUsage& usage = sample.usage;
  const int64_t limit = usage.memory_limit != 0 ? std::min(usage.memory_limit, host_memory) : host_memory;
  std::string cpu = Percent(sample.cpu), average = Percent(sample.average_cpu);
  std::string memory = Percent(MemoryShare(usage, limit));
  return {
      {"ID", no_trunc ? record.id : record.id.substr(0, 12)},
      {"ContainerID", record.id},
      {"Name", record.name},
      {"Container", record.name},
      {"CPU", sample.cpu},
      {"CPUPerc", cpu},
      {"CPUNano", usage.cpu_ns},
      {"CPUSystemNano", usage.system_ns},
      {"CpuTime", DurationText(usage.cpu_ns)},
      {"AvgCPU", average},
      {"AVGCPU", average},
      {"MemUsage", CompactSize(usage.memory, 4) + " / " + CompactSize(limit, 4)},
      {"MemUsageBytes", CompactSize(usage.memory, 4) + " / " + CompactSize(limit, 4)},
      {"MemLimit", limit},
      {"MemPerc", memory},
      {"Mem", memory},
      {"NetInput", usage.net_in},
      {"NetOutput", usage.net_out},
      {"NetIO", Pair(usage.net_in, usage.net_out)},
      {"BlockInput", usage.block_in},
      {"BlockOutput", usage.block_out},
      {"BlockIO", Pair(usage.block_in, usage.block_out)},
      {"PIDs", usage.processes},
      {"PIDS", usage.processes},
      {"UpTime", DurationText(usage.up_ns)},
      {"Duration", usage.up_ns},
  };
}

Value JsonOf(const Sample& sample, int64_t limit) {
  Value row = RowOf(sample, limit, false);
  return {{"id", row["ID"]},
          {"name", row["Name"]},
          {"cpu_time", row["CpuTime"]},
          {"cpu_percent", row["CPUPerc"]},
          {"avg_cpu", row["AvgCPU"]},
          {"mem_usage", row["MemUsage"]},
          {"mem_percent", row["MemPerc"]},
          {"net_io", row["NetIO"]},
          {"block_io", row["BlockIO"]},
          {"pids", std::to_string(sample.usage.processes)}};
}

class Stats {
 public:
  Stats(const Command& command, const Store& store)
      : command_(command), store_(store), limit_(HostMemory()) {}

  // The containers that are asked for, once: names must exist, and run.
  Result<> Check() {
    ContainerStore containers(store_);
    std::vector<std::string> typed = command_.line.arguments;
    if (command_.options().Bool("latest")) {
      std::vector<ContainerStatus> all = TRY(containers.List());
      if (all.empty()) return Fail(Code::kNotFound, "no containers to list: no such container");
      typed = {all[0].record.id};
    }
    for (const std::string& name : typed) {
      ids_.push_back(TRY(containers.Lookup(name)));
      if (!HasProcesses(TRY(containers.Get(ids_.back()))))
        return Fail(Code::kBusy, "container " + name + " is not running: container is stopped");
    }
    return {};
  }

  Result<std::string> Once() {
    std::vector<Sample> samples;
    for (ContainerStatus& status : TRY(Chosen())) samples.push_back(Take(std::move(status)));
    return Render(samples);
  }

 private:
  Result<std::vector<ContainerStatus>> Chosen() const {
    ContainerStore containers(store_);
    std::vector<ContainerStatus> chosen;
    if (!ids_.empty()) {
      for (const std::string& id : ids_)
        if (auto status = containers.Get(id)) chosen.push_back(std::move(*status));
      return chosen;
    }
    for (ContainerStatus& status : TRY(containers.List()))
      if (HasProcesses(status) || command_.options().Bool("all")) chosen.push_back(std::move(status));
    return chosen;
  }

  // One that does not run, or ends meanwhile, has used nothing.
  Sample Take(ContainerStatus status) {
    Sample sample{std::move(status), {}, 0, 0};
    if (!HasProcesses(sample.status)) return sample;
    auto usage = MeasureUsage(store_, sample.status);
    if (!usage) return sample;
    sample.usage = *usage;
    const ContainerUsage before = last_[sample.status.record.id];
    auto share = [](int64_t used, int64_t time) {
      return time <= 0 || used < 0 ? 0 : 100 * static_cast<double>(used) / static_cast<double>(time);
    };
    sample.average_cpu = share(usage->cpu_ns, usage->up_ns);
    sample.cpu = share(usage->cpu_ns - before.cpu_ns, usage->up_ns - before.up_ns);
    last_[sample.status.record.id] = *usage;
    return sample;
  }

  Result<std::string> Render(const std::vector<Sample>& samples) const {
    const OptionValues& options = command_.options();
    std::string format = options.String("format");
    if (format == "json") {
      Value list = Value::array();
      for (const Sample& sample : samples) list.push_back(JsonOf(sample, limit_));
      return ToJsonText(list);
    }
    if (format.empty() || format == "table")
      format =
          "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t"
          "{{.PIDS}}\t{{.CpuTime}}\t{{.AvgCPU}}";
    std::vector<Value> rows;
    for (const Sample& sample : samples) rows.push_back(RowOf(sample, limit_, options.Bool("no-trunc")));
    Value model = RowOf({}, limit_, false);
    return RenderReport(rows, {format,
                               model,
                               {{"CPUPerc", "CPU %"},
                                {"MemUsage", "MEM USAGE / LIMIT"},
                                {"MemPerc", "MEM %"},
                                {"NetIO", "NET IO"},
                                {"BlockIO", "BLOCK IO"},
                                {"PIDS", "PIDS"},
                                {"CpuTime", "CPU TIME"},
                                {"AvgCPU", "AVG CPU %"}},
                               true});
  }

  const Command& command_;
  const Store& store_;
  const int64_t limit_;
  std::vector<std::string> ids_;
  std::map<std::string, ContainerUsage> last_;  // by id
};

}  // namespace

Result<int> StatsVerb(const Command& command) {
  const OptionValues& options = command.options();
  const bool chosen = options.Bool("all") || options.Bool("latest");
  if ((chosen && !command.line.arguments.empty()) || (options.Bool("all") && options.Bool("latest")))
    return Fail(Code::kInvalid, "--all, --latest and containers cannot be used together");
  int64_t interval = options.Int("interval", 5);
  if (interval < 1)
    return Fail(Code::kInvalid, "invalid argument \"" + options.String("interval") +
                                    "\" for --interval: not a number of seconds above 0");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  Stats stats(command, session.store);
  TRY(stats.Check());
  const bool once = options.Bool("no-stream");
  const bool clear = !once && !options.Bool("no-reset") && options.String("format") != "json";
  while (true) {
    std::string text = TRY(stats.Once());
    if (clear) Print("\033[2J\033[H");
    Print(text);
    if (once || !FlushOutput()) return 0;
    timespec pause{interval, 0};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace wolffia
