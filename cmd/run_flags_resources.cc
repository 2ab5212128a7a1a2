// The flags about what a container may use: of `run`, `create` and `update`.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cmath>

#include "cmd/run_flags.h"
#include "engine/cgroup/cgroup_limits.h"

namespace wolffia {
namespace {

constexpr int64_t kDefaultPids = 2048;
constexpr int64_t kPeriod = 100'000;  // microseconds, of --cpus

// Bytes; -1: no limit; 0 takes back what was asked for before.
Result<int64_t> ReadBytes(const OptionValues& options, const char* name, int64_t before) {
  const std::string text = options.String(name);
  if (text == "-1" || (text == "0" && before != 0)) return -1;
  const uint64_t size = TRY_WITH(ParseSize(text), std::string("--") + name);
  return static_cast<int64_t>(size);
}

// "1.5" processors as microseconds of a period.
Result<int64_t> ReadCpus(const std::string& text) {
  double cpus = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), cpus);
  if (error != std::errc() || rest != text.data() + text.size() || !std::isfinite(cpus) || cpus < 0 ||
      cpus > 65536)
    return Fail(Code::kInvalid, "--cpus " + text + ": not a number of processors, such as 1.5");
  return static_cast<int64_t>(std::llround(cpus * kPeriod));
}

enum class Unit { kBytes, kNumber };

// DEVICE:VALUE.
Result<DeviceLimit> ReadDevice(const std::string& text, const std::string& flag, Unit unit) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
    return Fail(Code::kInvalid, flag + " " + text + ": not DEVICE:VALUE, such as /dev/sda:1mb");
  DeviceLimit limit;
  limit.path = text.substr(0, colon);
  const std::string value = text.substr(colon + 1);
  if (unit == Unit::kBytes) {
    limit.value = TRY_WITH(ParseSize(value), flag);
  } else {
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), limit.value);
    if (error != std::errc() || rest != value.data() + value.size() || limit.value > INT64_MAX)
      return Fail(Code::kInvalid, flag + " " + text + ": " + value + " is not a number");
  }
  struct stat status;
  if (stat(limit.path.c_str(), &status) < 0) return FailErrno(flag + ": " + limit.path);
  if (!S_ISBLK(status.st_mode))
    return Fail(Code::kInvalid, flag + ": " + limit.path + " is not a block device");
  limit.major = major(status.st_rdev);
  limit.minor = minor(status.st_rdev);
  return limit;
}

Result<> ReadDevices(const OptionValues& options, const char* name, Unit unit,
                     std::vector<DeviceLimit>& devices) {
  if (!options.Has(name)) return {};
  for (const std::string& text : options.List(name)) {
    DeviceLimit limit = TRY(ReadDevice(text, std::string("--") + name, unit));
    std::erase_if(devices, [&](const DeviceLimit& other) {
      return other.major == limit.major && other.minor == limit.minor;
    });
    devices.push_back(std::move(limit));
  }
  return {};
}

Result<uint64_t> ReadNumber(const OptionValues& options, const char* name, int64_t least) {
  const int64_t number = options.Int(name, 0);
  if (number < least || number > INT32_MAX)
    return Fail(Code::kInvalid, std::string("--") + name + " " + std::to_string(number) + ": out of range");
  return static_cast<uint64_t>(number);
}

Result<> ReadMemory(const OptionValues& options, ResourceLimits& limits) {
  struct Size {
    const char* name;
    int64_t ResourceLimits::* member;
  };
  for (const Size& size :
       {Size{"memory", &ResourceLimits::memory}, Size{"memory-swap", &ResourceLimits::memory_swap},
        Size{"memory-reservation", &ResourceLimits::memory_reservation},
        Size{"memory-high", &ResourceLimits::memory_high}})
    if (options.Has(size.name)) limits.*size.member = TRY(ReadBytes(options, size.name, limits.*size.member));
  if (options.Int("memory-swappiness", -1) != -1)
    return Fail(Code::kUnsupported,
                "--memory-swappiness: cgroup v2 has no swappiness of its own for a container; --memory-swap "
                "limits how much of it may be swapped out");
  return {};
}

Result<> ReadCpu(const OptionValues& options, ResourceLimits& limits) {
  if (options.Has("cpus") && (options.Has("cpu-period") || options.Has("cpu-quota")))
    return Fail(Code::kInvalid, std::string("--cpu-") + (options.Has("cpu-period") ? "period" : "quota") +
                                    " and --cpus cannot be set together");
  if (options.Has("cpus")) {
    const int64_t quota = TRY(ReadCpus(options.String("cpus")));
    const bool taken_back = quota == 0 && limits.cpu_quota != 0;
    limits.cpu_quota = taken_back ? -1 : quota;
    limits.cpu_period = quota == 0 ? 0 : kPeriod;
  }
  if (options.Has("cpu-period")) limits.cpu_period = TRY(ReadNumber(options, "cpu-period", 0));
  if (options.Has("cpu-quota")) {
    limits.cpu_quota = options.Int("cpu-quota", 0);
    if (limits.cpu_quota < 0) limits.cpu_quota = -1;
  }
  constexpr uint64_t kUsualShares = 1024;
  if (options.Has("cpu-shares")) {
    const uint64_t shares = TRY(ReadNumber(options, "cpu-shares", 0));
    limits.cpu_shares = shares == 0 && limits.cpu_shares != 0 ? kUsualShares : shares;
  }
  for (const auto& [name, list] :
       {std::pair("cpuset-cpus", &limits.cpuset_cpus), std::pair("cpuset-mems", &limits.cpuset_mems)}) {
    if (!options.Has(name)) continue;
    if (options.String(name).empty() && !list->empty())
      return Fail(Code::kInvalid, std::string("--") + name + ": the list is empty");
    *list = options.String(name);
  }
  return {};
}

Result<> ReadIo(const OptionValues& options, ResourceLimits& limits) {
  if (options.Has("blkio-weight")) {
    const uint64_t weight = TRY(ReadNumber(options, "blkio-weight", 0));
    if (weight == 0 && limits.blkio_weight != 0)
      return Fail(Code::kInvalid, "range of blkio weight is from 10 to 1000");
    limits.blkio_weight = static_cast<uint32_t>(weight);
  }
  TRY(ReadDevices(options, "blkio-weight-device", Unit::kNumber, limits.blkio_weight_device));
  TRY(ReadDevices(options, "device-read-bps", Unit::kBytes, limits.read_bps));
  TRY(ReadDevices(options, "device-write-bps", Unit::kBytes, limits.write_bps));
  TRY(ReadDevices(options, "device-read-iops", Unit::kNumber, limits.read_iops));
  return ReadDevices(options, "device-write-iops", Unit::kNumber, limits.write_iops);
}

Result<> ReadPlace(const OptionValues& options, CgroupConfig& cgroup) {
  cgroup.mode = options.String("cgroups");
  if (cgroup.mode == "enabled") cgroup.mode.clear();
  if (!cgroup.mode.empty() && cgroup.mode != "disabled" && cgroup.mode != "split")
    return Fail(Code::kUnsupported, "--cgroups " + cgroup.mode + ": there are enabled, disabled and split");
  cgroup.parent = options.String("cgroup-parent");
  const bool dots = ("/" + cgroup.parent + "/").find("/../") != std::string::npos;
  if (dots || cgroup.parent.size() > 1024 || cgroup.parent.find('\n') != std::string::npos ||
      (cgroup.parent.ends_with(".slice") && cgroup.parent.find('/') != std::string::npos))
    return Fail(Code::kInvalid, "--cgroup-parent " + cgroup.parent +
                                    ": a name of a slice, such as work.slice, or a path without \"..\"");
  if (!cgroup.parent.empty() && !cgroup.mode.empty())
    return Fail(Code::kInvalid, "--cgroup-parent and --cgroups=" + cgroup.mode + " contradict each other");
  const std::string mode = options.String("cgroupns");
  if (!mode.empty() && mode != "private" && mode != "host")
    return Fail(Code::kUnsupported, "--cgroupns " + mode + ": there are private and host");
  cgroup.host_namespace = mode == "host";
  return {};
}

}  // namespace

Result<> ReadLimitFlags(const OptionValues& options, ResourceLimits& limits) {
  TRY(ReadMemory(options, limits));
  TRY(ReadCpu(options, limits));
  TRY(ReadIo(options, limits));
  if (options.Has("pids-limit")) {
    const int64_t pids = options.Int("pids-limit", 0);
    limits.pids = pids <= 0 ? -1 : pids;
    limits.pids_by_default = false;
  }
  for (const std::string& text : options.List("cgroup-conf")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos)
      return Fail(Code::kInvalid, "--cgroup-conf " + text + ": not FILE=TEXT, such as memory.oom.group=1");
    limits.conf[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return CheckLimitValues(limits);
}

Result<> ReadResourceFlags(const OptionValues& options, const Settings& settings, RunRequest& request) {
  if (options.Bool("oom-kill-disable"))
    return Fail(Code::kUnsupported,
                "--oom-kill-disable: cgroup v2 cannot switch the kernel's kill off for one container; "
                "--memory-high slows a container down instead of killing it");
  request.systemd = options.String("systemd");
  if (request.systemd != "true" && request.systemd != "always" && request.systemd != "false")
    return Fail(Code::kInvalid, "--systemd " + request.systemd + ": there are true, always and false");
  CgroupConfig& cgroup = request.cgroup;
  TRY(ReadPlace(options, cgroup));
  cgroup.move_own = settings.move_own;
  TRY(ReadLimitFlags(options, cgroup.limits));
  if (cgroup.limits.pids == 0 && cgroup.mode != "disabled") {
    cgroup.limits.pids = kDefaultPids;
    cgroup.limits.pids_by_default = true;
  }
  return {};
}

}  // namespace wolffia
