// The "HostConfig" object of a container: what it was asked to have of the host.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/container_size.h"
#include "cmd/inspect.h"
#include "cmd/port_view.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/landlock_annotation.h"

namespace wolffia {
namespace {

constexpr int kLastCapability = 40;
constexpr const char* kInitInside = "/dev/wolffia-init";

std::string Joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

Value IdMappings(const std::vector<SpecIdMapping>& mappings) {
  Value list = Value::array();
  for (const SpecIdMapping& m : mappings)
    list.push_back(std::to_string(m.container_id) + ":" + std::to_string(m.host_id) + ":" +
                   std::to_string(m.size));
  return list;
}

// Those of `a` that are not in `b`.
Value Without(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  Value list = Value::array();
  for (const std::string& name : a)
    if (std::ranges::find(b, name) == b.end()) list.push_back(name);
  return list;
}

const VolumeUse* VolumeAt(const ContainerRecord& record, const std::string& destination) {
  auto use = std::ranges::find(record.volumes, destination, &VolumeUse::destination);
  return use == record.volumes.end() ? nullptr : &*use;
}

void AddMounts(const ContainerDetails& details, Value& config) {
  config["Binds"] = Value::array();
  config["Tmpfs"] = Value::object();
  for (const SpecMount& mount : details.mounts) {
    const VolumeUse* volume = VolumeAt(details.status.record, mount.destination);
    std::string options = Joined(mount.options);
    if (mount.type == "tmpfs" && volume == nullptr)
      config["Tmpfs"][mount.destination] = options;
    else
      config["Binds"].push_back((volume != nullptr ? volume->name : mount.source) + ":" + mount.destination +
                                (options.empty() ? "" : ":" + options));
  }
}

Value LogConfigOf(const ContainerDetails& details) {
  const LogConfig& log = details.status.record.log;
  std::string path = log.path.empty() && log.driver != "none" ? details.directory + "/ctr.log" : log.path;
  return {{"Type", log.driver},
          {"Config", nullptr},
          {"Path", path},
          {"Tag", log.tag},
          {"Size", CompactSize(static_cast<int64_t>(log.max_size))}};
}

Value UlimitsOf(const RuntimeSpec& spec) {
  Value list = Value::array();
  for (const SpecRlimit& limit : spec.process.rlimits)
    list.push_back({{"Name", limit.type}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  return list;
}

Value SecurityOptionsOf(const RuntimeSpec& spec) {
  Value list = Value::array();
  if (!spec.seccomp) list.push_back("seccomp=unconfined");
  if (auto landlock = LandlockOf(spec); landlock && *landlock) list.push_back("landlock=" + (*landlock)->name);
  if (spec.process.no_new_privileges) list.push_back("no-new-privileges");
  return list;
}

int64_t ShmSizeOf(const RuntimeSpec& spec) {
  for (const SpecMount& mount : spec.mounts)
    if (mount.destination == "/dev/shm")
      for (const std::string& option : mount.options)
        if (option.starts_with("size=")) return strtoll(option.c_str() + 5, nullptr, 10);
  return 0;
}

// As it was asked for, with sizes in bytes.
Value StorageOptionsOf(const ContainerRecord& record) {
  Value options = Value::object();
  if (record.size != 0) options["size"] = std::to_string(record.size);
  if (record.inodes != 0) options["inodes"] = std::to_string(record.inodes);
  if (record.memory) options["upper"] = "memory";
  return options;
}

Value DevicesOf(const RuntimeSpec& spec) {
  Value list = Value::array();
  for (const SpecDevice& device : spec.devices)
    list.push_back(
        {{"PathOnHost", device.path}, {"PathInContainer", device.path}, {"CgroupPermissions", "rwm"}});
  return list;
}

Value DeviceLimits(const std::vector<DeviceLimit>& devices, const char* name) {
  if (devices.empty()) return nullptr;
  Value list = Value::array();
  for (const DeviceLimit& device : devices) list.push_back({{"Path", device.path}, {name, device.value}});
  return list;
}

// In podman's order, in two places.
void AddResources(const CgroupConfig& cgroup, Value& config) {
  const ResourceLimits& limits = cgroup.limits;
  config["CpuShares"] = limits.cpu_shares;
  config["Memory"] = limits.memory;
  constexpr int64_t kNano = 1'000'000'000;
  const auto period = static_cast<int64_t>(limits.cpu_period);
  config["NanoCpus"] = limits.cpu_quota > 0 && period > 0 ? limits.cpu_quota * kNano / period : 0;
  config["CgroupParent"] = cgroup.parent;
  config["BlkioWeight"] = limits.blkio_weight;
  config["BlkioWeightDevice"] = DeviceLimits(limits.blkio_weight_device, "Weight");
  config["BlkioDeviceReadBps"] = DeviceLimits(limits.read_bps, "Rate");
  config["BlkioDeviceWriteBps"] = DeviceLimits(limits.write_bps, "Rate");
  config["BlkioDeviceReadIOps"] = DeviceLimits(limits.read_iops, "Rate");
  config["BlkioDeviceWriteIOps"] = DeviceLimits(limits.write_iops, "Rate");
  config["CpuPeriod"] = limits.cpu_period;
  config["CpuQuota"] = limits.cpu_quota;
  for (const char* name : {"CpuRealtimePeriod", "CpuRealtimeRuntime"}) config[name] = 0;
  config["CpusetCpus"] = limits.cpuset_cpus;
  config["CpusetMems"] = limits.cpuset_mems;
}

// Of the last start.
const char* ManagerOf(const ContainerStatus& status) {
  if (!status.started || status.started->cgroup.empty()) return "none";
  return status.started->cgroup.find(".scope/") == std::string::npos ? "cgroupfs" : "systemd";
}

void AddMoreResources(const ContainerDetails& details, Value& config) {
  const ResourceLimits& limits = details.status.record.cgroup.limits;
  config["DiskQuota"] = 0;
  config["KernelMemory"] = 0;
  config["MemoryReservation"] = limits.memory_reservation;
  config["MemorySwap"] =
      limits.memory_swap == 0 && limits.memory > 0 ? 2 * limits.memory : limits.memory_swap;
  config["MemoryHigh"] = limits.memory_high;
  config["MemorySwappiness"] = 0;
  config["OomKillDisable"] = false;
  config["PidsLimit"] = limits.pids_by_default && !details.default_pids_hold ? 0 : limits.pids;
}

}  // namespace

Value DescribeHostConfig(const ContainerDetails& details) {
  const ContainerRecord& record = details.status.record;
  const RuntimeSpec& spec = details.spec;
  const auto& bounding = spec.process.capabilities.bounding;
  std::vector<std::string> usual =
      ContainerCapabilities({}, {}, kLastCapability).value_or(std::vector<std::string>());
  const bool init = !spec.process.args.empty() && spec.process.args[0] == kInitInside;
  auto word = [](const std::string& mode, const char* otherwise) { return mode.empty() ? otherwise : mode; };

  Value config = Value::object();
  AddMounts(details, config);
  Value tmpfs = config["Tmpfs"];
  config.erase("Tmpfs");  // podman has it further down
  const CgroupConfig& cgroup = record.cgroup;
  config["CgroupManager"] = ManagerOf(details.status);
  config["CgroupMode"] = cgroup.host_namespace ? "host" : "private";
  config["ContainerIDFile"] = record.id_file;
  config["LogConfig"] = LogConfigOf(details);
  config["NetworkMode"] = record.network;
  config["PortBindings"] = PortBindings(record, false);
  config["RestartPolicy"] = {{"Name", record.restart_policy}, {"MaximumRetryCount", record.restart_retries}};
  config["AutoRemove"] = record.auto_remove;
  config["VolumeDriver"] = "";
  config["VolumesFrom"] = nullptr;
  config["CapAdd"] = Without(bounding, usual);
  config["CapDrop"] = Without(usual, bounding);
  for (const char* name : {"Dns", "DnsOptions", "DnsSearch", "ExtraHosts"}) config[name] = Value::array();
  config["GroupAdd"] = Value::array();
  for (uint32_t group : spec.process.user.additional_gids)
    config["GroupAdd"].push_back(std::to_string(group));
  config["IpcMode"] = word(record.ipc_mode, "shareable");
  config["Cgroup"] = "";
  config["Cgroups"] = cgroup.mode.empty() ? "default" : cgroup.mode;
  config["Links"] = nullptr;
  config["OomScoreAdj"] = spec.process.oom_score_adj.value_or(0);
  config["PidMode"] = word(record.pid_mode, "private");
  config["Privileged"] = false;
  config["PublishAllPorts"] = record.network_config.publish_all;
  config["ReadonlyRootfs"] = spec.root_readonly;
  config["SecurityOpt"] = SecurityOptionsOf(spec);
  config["Tmpfs"] = std::move(tmpfs);
  config["UTSMode"] = word(record.uts_mode, "private");
  config["UsernsMode"] = record.userns;
  config["IDMappings"] = {{"UidMap", IdMappings(spec.uid_mappings)},
                          {"GidMap", IdMappings(spec.gid_mappings)}};
  config["ShmSize"] = ShmSizeOf(spec);
  config["Runtime"] = "wolffia";
  config["ConsoleSize"] = Value::array({0, 0});
  config["Isolation"] = "";
  AddResources(cgroup, config);
  config["Devices"] = DevicesOf(spec);
  AddMoreResources(details, config);
  config["Ulimits"] = UlimitsOf(spec);
  for (const char* name : {"CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"}) config[name] = 0;
  config["CgroupConf"] = nullptr;
  for (const auto& [file, text] : cgroup.limits.conf) config["CgroupConf"][file] = text;
  config["Init"] = init;
  config["Sysctls"] = Value::object();
  for (const auto& [key, value] : spec.sysctl) config["Sysctls"][key] = value;
  config["StorageOpt"] = StorageOptionsOf(record);
  return config;
}

}  // namespace wolffia
