// A container as `inspect` describes it.
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/container_view.h"
#include "cmd/inspect.h"
#include "cmd/port_view.h"
#include "engine/base/context.h"
#include "engine/cgroup/limit_support.h"
#include "engine/guarantees/configuration.h"
#include "engine/guarantees/ids.h"
#include "engine/runtime/counters_file.h"
#include "engine/runtime/exec_request.h"

namespace wolffia {
namespace {

Value MapOf(const std::map<std::string, std::string>& map) {
  Value value = Value::object();
  for (const auto& [key, v] : map) value[key] = v;
  return value;
}

Value ListOf(const std::vector<std::string>& words) {
  return words.empty() ? Value::array() : Value(words);
}

Value MountsOf(const ContainerDetails& details) {
  Value list = Value::array();
  for (const SpecMount& mount : details.mounts) {
    std::string propagation = "rprivate";
    bool read_only = false;
    for (const std::string& option : mount.options) {
      read_only = read_only || option == "ro";
      for (const char* known : {"private", "rprivate", "slave", "rslave", "shared", "rshared"})
        if (option == known) propagation = option;
    }
    const auto& volumes = details.status.record.volumes;
    auto volume = std::ranges::find(volumes, mount.destination, &VolumeUse::destination);
    const bool named = volume != volumes.end();
    const auto& images = details.status.record.images;
    auto image = std::ranges::find(images, mount.destination, &ImageUse::destination);
    const bool of_image = image != images.end();
    Value entry = {{"Type", named ? "volume" : of_image ? "image" : mount.type}};
    entry["Name"] = named ? volume->name : "";
    entry["Source"] = of_image ? image->name : mount.source;
    entry["Destination"] = mount.destination;
    entry["Driver"] = named ? "local" : "";
    entry["Mode"] = "";
    entry["Options"] = mount.options;
    entry["RW"] = !read_only;
    entry["Propagation"] = propagation;
    list.push_back(std::move(entry));
  }
  return list;
}

Value NetworkSettings(const ContainerRecord& record) {
  Value settings = Value::object();
  for (const char* name : {"EndpointID", "Gateway", "IPAddress"}) settings[name] = "";
  settings["IPPrefixLen"] = 0;
  for (const char* name : {"IPv6Gateway", "GlobalIPv6Address"}) settings[name] = "";
  settings["GlobalIPv6PrefixLen"] = 0;
  for (const char* name : {"MacAddress", "Bridge", "SandboxID"}) settings[name] = "";
  settings["HairpinMode"] = false;
  settings["LinkLocalIPv6Address"] = "";
  settings["LinkLocalIPv6PrefixLen"] = 0;
  settings["Ports"] = PortBindings(record, true);
  settings["SandboxKey"] = "";
  settings["Networks"] = Value::object();
  return settings;
}

Value HealthcheckOf(const std::optional<HealthConfig>& health) {
  if (!health) return nullptr;
  std::vector<std::string> test = health->command;
  test.insert(test.begin(), health->shell ? "CMD-SHELL" : "CMD");
  return {{"Test", test},
          {"StartPeriod", health->start_period_ns},
          {"Interval", health->interval_ns},
          {"Timeout", health->timeout_ns},
          {"Retries", health->retries}};
}

Value SecretsOf(const ContainerRecord& record) {
  Value list = Value::array();
  for (const SecretUse& secret : record.secrets)
    list.push_back({{"Name", secret.name},
                    {"ID", secret.id},
                    {"UID", secret.uid},
                    {"GID", secret.gid},
                    {"Mode", secret.mode}});
  return list;
}

Value VolumesOf(const ImageConfig& image) {
  if (image.volumes.empty()) return nullptr;
  Value volumes = Value::object();
  for (const std::string& path : image.volumes) volumes[path] = Value::object();
  return volumes;
}

Value PortsOf(const ContainerRecord& record) {
  Value ports = Value::object();
  for (const std::string& port : record.ports) ports[port] = Value::object();
  return ports;
}

std::string Octal(uint32_t mode) {
  char text[16];
  snprintf(text, sizeof text, "%04o", mode);
  return text;
}

// The command behind the entrypoint, which it begins with.
std::vector<std::string> CommandOf(const ContainerRecord& record) {
  const size_t own = std::min(record.entrypoint.size(), record.command.size());
  return {record.command.begin() + static_cast<ptrdiff_t>(own), record.command.end()};
}

Value ConfigOf(const ContainerDetails& details) {
  const ContainerRecord& record = details.status.record;
  const SpecProcess& process = details.spec.process;
  const bool attached = !record.detached;
  auto domain = details.spec.sysctl.find("kernel.domainname");
  Value config = {
      {"Hostname", details.spec.hostname},
      {"Domainname", domain == details.spec.sysctl.end() ? "" : domain->second},
      {"User", std::to_string(process.user.uid) + ":" + std::to_string(process.user.gid)},
      {"AttachStdin", attached && record.interactive},
      {"AttachStdout", attached},
      {"AttachStderr", attached},
      {"Tty", record.tty},
      {"OpenStdin", record.interactive},
      {"StdinOnce", record.stdin_once},
  };
  config["Env"] = process.env;
  config["Cmd"] = ListOf(CommandOf(record));
  config["Image"] = record.image_name;
  config["Volumes"] = VolumesOf(details.image);
  config["WorkingDir"] = process.cwd;
  config["Entrypoint"] = ListOf(record.entrypoint);
  config["OnBuild"] = ListOf(details.image.on_build);
  config["Labels"] = MapOf(record.labels);
  config["Annotations"] = MapOf(details.spec.annotations);
  config["StopSignal"] = record.stop_signal;
  config["HealthcheckOnFailureAction"] = record.health ? record.health->on_failure : "none";
  config["Healthcheck"] = HealthcheckOf(record.health);
  config["CreateCommand"] = record.create_command;
  config["Umask"] = Octal(process.user.umask.value_or(022));
  config["Timeout"] = record.timeout;
  config["Passwd"] = record.passwd;
  config["sdNotifyMode"] = "ignore";  // no NOTIFY_SOCKET is handed on
  config["StopTimeout"] = record.stop_timeout;
  config["ExposedPorts"] = PortsOf(record);
  config["Secrets"] = SecretsOf(record);
  return config;
}

Value GraphDriverOf(const ContainerDetails& details) {
  const ContainerRecord& record = details.status.record;
  Value data = Value::object();
  if (record.rootfs.empty() && !record.memory)
    data = {{"UpperDir", details.directory + "/upper"}, {"WorkDir", details.directory + "/work"}};
  return {{"Name", record.upper}, {"Data", data}};
}

std::string OwnFile(const RuntimeSpec& spec, std::string_view destination) {
  for (const SpecMount& mount : spec.mounts)
    if (mount.destination == destination) return mount.source;
  return "";
}

// What was asked for with --require, and what held when it was started: that, and what a start that fails otherwise sets
// up. Nothing of it is tried now.
Value GuaranteesOf(const ContainerDetails& details) {
  const ContainerRecord& record = details.status.record;
  const std::vector<std::string> required = RequiredGuarantees(record.annotations);
  std::vector<std::string> held;
  if (details.status.started) {
    held = HeldByStart(record, details.spec);
    for (const std::string& id : required)
      if (std::ranges::find(held, id) == held.end()) held.push_back(id);
  }
  return {{"Required", ListOf(required)}, {"Held", ListOf(held)}};
}

Value FuseOperationsOf(const ContainerDetails& details) {
  Value operations = Value::object();
  for (const auto& [name, count] : details.fuse_operations) operations[name] = count;
  return operations;
}

std::string ImageDigestOf(const Store& store, const ContainerRecord& record) {
  auto image = ImageStore(store).ByName(record.image_name);
  if (!image || image->config != record.image_id || image->manifest.empty()) return "";
  return image->manifest.str();
}

void ReadCgroup(ContainerDetails& details) {
  const ContainerStatus& status = details.status;
  const CgroupConfig& config = status.record.cgroup;
  const CgroupHost host = CgroupHost::Detect(Context::OfProcess(), WishOf(config), getuid());
  const bool runs = status.state == ContainerState::kRunning && status.started;
  if (!runs) {
    details.default_pids_hold = SupportOf(host, "pids").holds;
    return;
  }
  const std::string& directory = status.started->cgroup;
  details.default_pids_hold = access((directory + "/pids.max").c_str(), F_OK) == 0;
  if (!directory.empty() && directory.starts_with(host.mount))
    details.cgroup_path = directory.substr(host.mount.size());
  if (!directory.empty()) details.pressure = ReadPressure(directory);
}

}  // namespace

Result<ContainerDetails> ReadContainerDetails(const Store& store, const ContainerStatus& status) {
  const ContainerRecord& record = status.record;
  ContainerStore containers(store);
  ContainerDetails details;
  details.status = status;
  details.spec = TRY(ContainerStore(store).ReadSpec(record.id));
  details.directory = containers.DirectoryOf(record.id);
  details.mounts = UserMounts(details.spec, details.directory);
  details.exec_ids = ListExecSessions(store, record.id);
  details.runroot = store.runroot_path();
  // Of its last start. None with --rootfs, and after a reboot.
  if (auto counters = ReadCounters(containers.CountersPath(record.id)))
    for (const FuseCounter& counter : *counters)
      details.fuse_operations.emplace_back(counter.operation, counter.count);
  if (auto network = containers.ReadNetwork(record.id); network && status.state == ContainerState::kRunning)
    details.network = std::move(*network);
  ReadCgroup(details);
  if (record.image_id.empty()) return details;
  if (auto image = ReadImageConfig(store, record.image_id)) details.image = std::move(*image);
  details.image_digest = ImageDigestOf(store, record);
  return details;
}

Value DescribeContainer(const ContainerDetails& details) {
  const ContainerRecord& record = details.status.record;
  const RuntimeSpec& spec = details.spec;
  const auto& args = spec.process.args;
  std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  const std::string pid_path = details.runroot + "/pids/" + record.id + ".pid";
  Value value = {
      {"Id", record.id},
      {"Created", FormatTime(record.created_ns)},
      {"Path", args.empty() ? "" : args[0]},
      {"Args", rest},
      {"State", DescribeState(details)},
      {"Image", record.image_id.hex()},
      {"ImageDigest", details.image_digest},
      {"ImageName", record.image_name},
      {"Rootfs", record.rootfs},
      {"Pod", ""},
      {"ResolvConfPath", OwnFile(spec, "/etc/resolv.conf")},
      {"HostnamePath", OwnFile(spec, "/etc/hostname")},
      {"HostsPath", OwnFile(spec, "/etc/hosts")},
      {"StaticDir", details.directory},
      {"OCIConfigPath", details.directory + "/spec.json"},
      {"OCIRuntime", "wolffia"},
  };
  value["ConmonPidFile"] = record.monitor_pid_file.empty() ? pid_path : record.monitor_pid_file;
  value["PidFile"] = record.pid_file;
  value["Name"] = record.name;
  value["RestartCount"] = RestartsOf(details.status);
  value["Driver"] = record.upper;
  for (const char* name : {"MountLabel", "ProcessLabel", "AppArmorProfile"}) value[name] = "";
  value["EffectiveCaps"] = spec.process.capabilities.effective;
  value["BoundingCaps"] = spec.process.capabilities.bounding;
  value["ExecIDs"] = details.exec_ids;
  value["GraphDriver"] = GraphDriverOf(details);
  if (details.size) {
    value["SizeRw"] = details.size->changed;
    value["SizeRootFs"] = details.size->root;
  }
  value["Mounts"] = MountsOf(details);
  value["Dependencies"] = Value::array();
  for (const std::string* mode :
       {&record.pid_mode, &record.ipc_mode, &record.uts_mode, &record.network_config.mode}) {
    if (!mode->starts_with("container:")) continue;
    Value id = mode->substr(10);
    auto& known = value["Dependencies"];
    if (std::find(known.begin(), known.end(), id) == known.end()) known.push_back(id);
  }
  value["NetworkSettings"] = NetworkSettings(record);
  DescribeNetworks(details, value["NetworkSettings"]);
  value["Namespace"] = "";
  value["IsInfra"] = false;
  value["IsService"] = false;
  value["Config"] = ConfigOf(details);
  value["HostConfig"] = DescribeHostConfig(details);
  value["Platform"] = record.platform;
  value["Guarantees"] = GuaranteesOf(details);
  value["FuseOperations"] = FuseOperationsOf(details);
  return value;
}

}  // namespace wolffia
