#include "engine/cgroup/cgroup_limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace wolffia {
namespace {

constexpr int64_t kLeastMemory = 6 << 20;     // docker's: below, no program starts
constexpr int64_t kHelperMemory = 128 << 20;  // what the helpers may have, however small the container is
constexpr uint64_t kMinShares = 2, kMaxShares = 262144;
constexpr uint64_t kDefaultPeriod = 100'000;  // microseconds, the kernel's
constexpr size_t kMaxConfText = 4096;         // the kernel takes a page at most

// 2..262144 onto 1..10000, so that 1024 is 100, what a container has that asks for nothing: the formula of
// today's runc and crun. (A straight line, as theirs was, gives 39 to 1024.)
uint64_t WeightOfShares(uint64_t shares) {
  const double l = std::log2(static_cast<double>(std::clamp(shares, kMinShares, kMaxShares)));
  return static_cast<uint64_t>(std::llround(std::pow(10, (l * l + 125 * l) / 612 - 7.0 / 34)));
}

// 10..1000 onto 1..10000; bfq has the old range.
uint64_t WeightOfBlkio(uint64_t weight) {
  return 1 + (weight - 10) * 9999 / 990;
}

// 10..1000 onto 10..10000, so that systemd makes the same of it for bfq (BFQ_WEIGHT in its cgroup-util.h):
// up to 100, what a container has that asks for nothing, as it is; above, 100..10000 onto 100..1000.
uint64_t SystemdWeightOfBlkio(uint64_t weight) {
  constexpr uint64_t kUsual = 100;
  return weight <= kUsual ? weight : kUsual + (weight - kUsual) * 11;
}

std::string DeviceNumber(const DeviceLimit& d) {
  return std::to_string(d.major) + ":" + std::to_string(d.minor);
}

class Plan {
 public:
  CgroupWrite& Add(const char* flag, const char* file, std::string text) {
    std::string_view name = file;
    name.remove_prefix(name.rfind('/') + 1);
    return writes_.emplace_back(
        CgroupWrite{std::string(name.substr(0, name.find('.'))), flag, file, std::move(text), false, "", ""});
  }

  // -1 asks for no limit: that holds anywhere, with a controller or without.
  CgroupWrite& AddAmount(const char* flag, const char* file, int64_t value, const char* none = "max") {
    CgroupWrite& write = Add(flag, file, value < 0 ? none : std::to_string(value));
    write.optional = value < 0;
    return write;
  }

  void Memory(const ResourceLimits& l) {
    if (l.memory != 0) AddAmount("--memory", "memory.max", l.memory);
    if (l.memory_swap != 0)
      AddAmount("--memory-swap", "memory.swap.max", l.memory_swap < 0 ? -1 : l.memory_swap - l.memory);
    // As much swap again, as podman and docker; a kernel without swap needs no limit of it.
    else if (l.memory != 0)
      AddAmount("--memory", "memory.swap.max", l.memory).optional = true;
    // What the container writes through FUSE is page cache of the process that serves it: without a mark that
    // would grow until the host's memory ends. Reclaimed above it, never killed.
    if (l.memory != 0)
      AddAmount("--memory", "../supervisor/memory.high",
                l.memory < 0 ? -1 : std::max(l.memory, kHelperMemory))
          .optional = true;
    if (l.memory_reservation != 0)
      for (const char* file : {"../memory.low", "memory.low"})
        AddAmount("--memory-reservation", file, l.memory_reservation, "0");
    if (l.memory_high != 0) AddAmount("--memory-high", "memory.high", l.memory_high);
  }

  void Cpu(const ResourceLimits& l) {
    if (l.cpu_quota != 0 || l.cpu_period != 0) {
      const uint64_t period = l.cpu_period == 0 ? kDefaultPeriod : l.cpu_period;
      Add(FlagOfQuota(l), "cpu.max",
          (l.cpu_quota <= 0 ? "max" : std::to_string(l.cpu_quota)) + " " + std::to_string(period))
          .optional = l.cpu_quota < 0;
    }
    if (l.cpu_shares != 0) Add("--cpu-shares", "../cpu.weight", std::to_string(WeightOfShares(l.cpu_shares)));
    if (!l.cpuset_cpus.empty()) Add("--cpuset-cpus", "cpuset.cpus", l.cpuset_cpus);
    if (!l.cpuset_mems.empty()) Add("--cpuset-mems", "cpuset.mems", l.cpuset_mems);
  }

  void Io(const ResourceLimits& l) {
    if (l.blkio_weight != 0) {
      CgroupWrite& write =
          Add("--blkio-weight", "../io.weight", "default " + std::to_string(WeightOfBlkio(l.blkio_weight)));
      write.other_file = "../io.bfq.weight";
      write.other_text = std::to_string(l.blkio_weight);
    }
    for (const DeviceLimit& d : l.blkio_weight_device) {
      CgroupWrite& write = Add("--blkio-weight-device", "../io.weight",
                               DeviceNumber(d) + " " + std::to_string(WeightOfBlkio(d.value)));
      write.other_file = "../io.bfq.weight";
      write.other_text = DeviceNumber(d) + " " + std::to_string(d.value);
    }
    struct Kind {
      const char *flag, *key;
      const std::vector<DeviceLimit>& list;
    };
    for (const Kind& kind :
         {Kind{"--device-read-bps", "rbps", l.read_bps}, Kind{"--device-write-bps", "wbps", l.write_bps},
          Kind{"--device-read-iops", "riops", l.read_iops},
          Kind{"--device-write-iops", "wiops", l.write_iops}})
      for (const DeviceLimit& d : kind.list)
        Add(kind.flag, "../io.max",
            DeviceNumber(d) + " " + kind.key + "=" + (d.value == 0 ? "max" : std::to_string(d.value)));
  }

  void Rest(const ResourceLimits& l) {
    if (l.pids != 0) AddAmount("--pids-limit", "pids.max", l.pids).optional |= l.pids_by_default;
    for (const auto& [file, text] : l.conf) Add("--cgroup-conf", file.c_str(), text);
  }

  std::vector<CgroupWrite> Take() { return std::move(writes_); }

 private:
  // --cpus sets both.
  static const char* FlagOfQuota(const ResourceLimits& l) {
    if (l.cpu_quota == 0) return "--cpu-period";
    return l.cpu_period == kDefaultPeriod ? "--cpus" : "--cpu-quota";
  }
  std::vector<CgroupWrite> writes_;
};

Result<> CheckMemory(const ResourceLimits& l) {
  auto invalid = [](const char* what) { return Fail(Code::kInvalid, what); };
  if (l.memory > 0 && l.memory < kLeastMemory)
    return invalid("--memory: the least that a container starts with is 6m");
  if (l.memory_swap > 0 && l.memory == 0)
    return invalid("you should always set a memory limit when using a memoryswap limit, see usage");
  if (l.memory_swap > 0 && l.memory < 0)
    return invalid("--memory-swap: a limit of memory and swap together needs one of --memory");
  if (l.memory_swap > 0 && l.memory_swap < l.memory)
    return invalid("minimum memoryswap limit should be larger than memory limit, see usage");
  if (l.memory > 0 && l.memory_reservation > l.memory)
    return invalid("minimum memory limit cannot be less than memory reservation limit, see usage");
  return {};
}

Result<> CheckCpu(const ResourceLimits& l) {
  if (l.cpu_shares != 0 && (l.cpu_shares < kMinShares || l.cpu_shares > kMaxShares))
    return Fail(Code::kInvalid, "--cpu-shares " + std::to_string(l.cpu_shares) + ": from 2 to 262144");
  if (l.cpu_period != 0 && (l.cpu_period < 1000 || l.cpu_period > 1'000'000))
    return Fail(Code::kInvalid,
                "CPU cfs period cannot be less than 1ms (i.e. 1000) or larger than 1s (i.e. "
                "1000000)");
  if (l.cpu_quota > 0 && l.cpu_quota < 1000)
    return Fail(Code::kInvalid, "CPU cfs quota cannot be less than 1ms (i.e. 1000)");
  for (const auto& [flag, list] :
       {std::pair("--cpuset-cpus", &l.cpuset_cpus), std::pair("--cpuset-mems", &l.cpuset_mems)})
    if (!list->empty() && !IsCpuList(*list))
      return Fail(Code::kInvalid, std::string(flag) + " " + *list + ": not a list such as 0-3,8");
  return {};
}

Result<> CheckIo(const ResourceLimits& l) {
  auto out_of_range = [](uint64_t weight) { return weight < 10 || weight > 1000; };
  if (l.blkio_weight != 0 && out_of_range(l.blkio_weight))
    return Fail(Code::kInvalid, "range of blkio weight is from 10 to 1000");
  for (const DeviceLimit& device : l.blkio_weight_device)
    if (out_of_range(device.value))
      return Fail(Code::kInvalid,
                  "--blkio-weight-device " + device.path + ": range of blkio weight is from 10 to 1000");
  return {};
}

}  // namespace

ScopeWeights WeightsOf(const ResourceLimits& limits, bool io_cost) {
  auto io = [&](uint64_t weight) { return io_cost ? WeightOfBlkio(weight) : SystemdWeightOfBlkio(weight); };
  ScopeWeights weights;
  if (limits.cpu_shares != 0) weights.cpu = WeightOfShares(limits.cpu_shares);
  if (limits.blkio_weight != 0) weights.io = io(limits.blkio_weight);
  for (const DeviceLimit& d : limits.blkio_weight_device)
    weights.io_devices.emplace_back("/dev/block/" + DeviceNumber(d), io(d.value));
  if (limits.memory_reservation > 0) weights.memory_low = static_cast<uint64_t>(limits.memory_reservation);
  return weights;
}

std::vector<CgroupWrite> PlanLimits(const ResourceLimits& limits) {
  Plan plan;
  plan.Memory(limits);
  plan.Cpu(limits);
  plan.Io(limits);
  plan.Rest(limits);
  return plan.Take();
}

bool IsCpuList(std::string_view text) {
  constexpr int kMaxNumber = 1 << 16;
  if (text.empty()) return false;
  auto number = [&](int& value) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0 || value > kMaxNumber) return false;
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
    return true;
  };
  for (;;) {
    int first = 0, last = 0;
    if (!number(first)) return false;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (!number(last) || last < first) return false;
    }
    if (text.empty()) return true;
    if (text[0] != ',') return false;
    text.remove_prefix(1);
  }
}

Result<> CheckCgroupFile(std::string_view name, std::string_view text) {
  const std::string shown = "--cgroup-conf " + std::string(name);
  const bool plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
      std::string_view::npos;
  const size_t dot = name.find('.');
  if (!plain || dot == std::string_view::npos || dot == 0 || name.size() > 128)
    return Fail(Code::kInvalid, shown + ": not a file of a controller, such as memory.oom.group");
  if (name.starts_with("cgroup."))
    return Fail(Code::kInvalid, shown +
                                    ": the engine itself manages the container's cgroup by these files; "
                                    "only those of controllers can be set");
  if (text.empty() || text.size() > kMaxConfText || text.find('\0') != std::string_view::npos)
    return Fail(Code::kInvalid, shown + ": the value is empty or too long");
  return {};
}

Result<> CheckLimitValues(const ResourceLimits& limits) {
  TRY(CheckMemory(limits));
  TRY(CheckCpu(limits));
  TRY(CheckIo(limits));
  for (const auto& [file, text] : limits.conf) TRY(CheckCgroupFile(file, text));
  return {};
}

}  // namespace wolffia
