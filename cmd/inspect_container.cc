#include <nlohmann/json.hpp>

#include "cmd/container_view.h"
#include "cmd/inspect.h"
#include "engine/base/context.h"
#include "engine/runtime/counters_file.h"

namespace wolffia {
namespace {

constexpr const char* kNoTime = "0001-01-01T00:00:00Z";

Value MapOf(const std::map<std::string, std::string>& map) {
  Value value = Value::object();
  for (const auto& [key, v] : map) value[key] = v;
  return value;
}

Value StateOf(const ContainerStatus& status, const RuntimeSpec& spec) {
  bool running = status.state == ContainerState::kRunning;
  return {
      {"OciVersion", spec.oci_version},
      {"Status", StateName(status)},
      {"Running", running},
      {"Paused", false},
      {"Restarting", false},
      {"Dead", false},
      {"Crashed", status.state == ContainerState::kCrashed},
      {"Pid", running && status.started ? status.started->pid : 0},
      {"MonitorPid", running && status.started ? status.started->monitor_pid : 0},
      {"ExitCode", status.exited ? status.exited->exit_code : 0},
      {"Error", status.exited ? status.exited->error : ""},
      {"StartedAt", status.started ? FormatTime(status.started->started_ns) : kNoTime},
      {"FinishedAt", status.exited ? FormatTime(status.exited->finished_ns) : kNoTime},
  };
}

bool IsReadOnly(const SpecMount& mount) {
  for (const std::string& option : mount.options)
    if (option == "ro") return true;
  return false;
}

Value MountsOf(const std::vector<SpecMount>& mounts) {
  Value list = Value::array();
  for (const SpecMount& mount : mounts) {
    std::string propagation = "rprivate";
    for (const std::string& option : mount.options)
      for (const char* known : {"private", "rprivate", "slave", "rslave", "shared", "rshared"})
        if (option == known) propagation = option;
    list.push_back({{"Type", mount.type},
                    {"Source", mount.source},
                    {"Destination", mount.destination},
                    {"Driver", ""},
                    {"Mode", ""},
                    {"Options", mount.options},
                    {"RW", !IsReadOnly(mount)},
                    {"Propagation", propagation}});
  }
  return list;
}

Value IdMappings(const std::vector<SpecIdMapping>& mappings) {
  Value list = Value::array();
  for (const SpecIdMapping& m : mappings)
    list.push_back(std::to_string(m.container_id) + ":" + std::to_string(m.host_id) + ":" +
                   std::to_string(m.size));
  return list;
}

Value ConfigOf(const ContainerRecord& record, const RuntimeSpec& spec) {
  const SpecUser& user = spec.process.user;
  return {
      {"Hostname", spec.hostname},      {"User", std::to_string(user.uid) + ":" + std::to_string(user.gid)},
      {"Tty", spec.process.terminal},   {"Env", spec.process.env},
      {"Cmd", record.command},          {"Image", record.image_name},
      {"WorkingDir", spec.process.cwd}, {"OpenStdin", record.interactive},
      {"Labels", MapOf(record.labels)}, {"Annotations", MapOf(record.annotations)},
  };
}

// As it was asked for, with sizes in bytes.
Value StorageOptionsOf(const ContainerRecord& record) {
  Value options = Value::object();
  if (record.size != 0) options["size"] = std::to_string(record.size);
  if (record.inodes != 0) options["inodes"] = std::to_string(record.inodes);
  if (record.memory) options["upper"] = "memory";
  return options;
}

Value HostConfigOf(const ContainerRecord& record, const RuntimeSpec& spec,
                   const std::vector<SpecMount>& mounts) {
  Value binds = Value::array(), tmpfs = Value::object(), ulimits = Value::array(), security = Value::array();
  for (const SpecMount& mount : mounts) {
    std::string options;
    for (const std::string& option : mount.options) options += (options.empty() ? "" : ",") + option;
    if (mount.type == "tmpfs")
      tmpfs[mount.destination] = options;
    else
      binds.push_back(mount.source + ":" + mount.destination + (options.empty() ? "" : ":" + options));
  }
  for (const SpecRlimit& limit : spec.process.rlimits)
    ulimits.push_back({{"Name", limit.type}, {"Soft", limit.soft}, {"Hard", limit.hard}});
  if (!spec.seccomp) security.push_back("seccomp=unconfined");
  if (spec.process.no_new_privileges) security.push_back("no-new-privileges");
  return {
      {"Binds", binds},
      {"NetworkMode", record.network},
      {"AutoRemove", record.auto_remove},
      {"ReadonlyRootfs", spec.root_readonly},
      {"SecurityOpt", security},
      {"Tmpfs", tmpfs},
      {"UsernsMode", record.userns},
      {"IDMappings", {{"UidMap", IdMappings(spec.uid_mappings)}, {"GidMap", IdMappings(spec.gid_mappings)}}},
      {"Ulimits", ulimits},
      {"StorageOpt", StorageOptionsOf(record)},
  };
}

Value GraphDriverOf(const ContainerRecord& record, const std::string& directory) {
  Value data = Value::object();
  if (record.rootfs.empty() && !record.memory)
    data = {{"UpperDir", directory + "/upper"}, {"WorkDir", directory + "/work"}};
  return {{"Name", record.upper}, {"Data", data}};
}

// Of its last start. None with --rootfs, and after a reboot.
Value FuseOperationsOf(const ContainerStore& containers, const std::string& id) {
  Value operations = Value::object();
  if (auto counters = ReadCounters(containers.CountersPath(id)))
    for (const FuseCounter& counter : *counters) operations[counter.operation] = counter.count;
  return operations;
}

std::string OwnFile(const RuntimeSpec& spec, std::string_view destination) {
  for (const SpecMount& mount : spec.mounts)
    if (mount.destination == destination) return mount.source;
  return "";
}

}  // namespace

Result<Value> DescribeContainer(const Store& store, const ContainerStatus& status) {
  const ContainerRecord& record = status.record;
  RuntimeSpec spec = TRY(ReadSpec(store, record.id));
  std::string directory = ContainerStore(store).DirectoryOf(record.id);
  std::vector<SpecMount> mounts = UserMounts(spec, directory);
  const auto& args = spec.process.args;
  std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  return Value{
      {"Id", record.id},
      {"Created", FormatTime(record.created_ns)},
      {"Path", args.empty() ? "" : args[0]},
      {"Args", rest},
      {"State", StateOf(status, spec)},
      {"Image", record.image_id.hex()},
      {"ImageName", record.image_name},
      {"Rootfs", record.rootfs},
      {"ResolvConfPath", OwnFile(spec, "/etc/resolv.conf")},
      {"HostnamePath", OwnFile(spec, "/etc/hostname")},
      {"HostsPath", OwnFile(spec, "/etc/hosts")},
      {"StaticDir", directory},
      {"OCIRuntime", "wolffia"},
      {"Name", record.name},
      {"Driver", record.upper},
      {"GraphDriver", GraphDriverOf(record, directory)},
      {"FuseOperations", FuseOperationsOf(ContainerStore(store), record.id)},
      {"Platform", record.platform},
      {"EffectiveCaps", spec.process.capabilities.effective},
      {"BoundingCaps", spec.process.capabilities.bounding},
      {"Mounts", MountsOf(mounts)},
      {"Config", ConfigOf(record, spec)},
      {"HostConfig", HostConfigOf(record, spec, mounts)},
  };
}

}  // namespace wolffia
