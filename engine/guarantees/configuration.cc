#include "engine/guarantees/configuration.h"

#include <algorithm>

#include "engine/runtime/auto_ids.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/landlock_annotation.h"

namespace wolffia {
namespace {

constexpr int kLastCapability = 40;

struct Configuration {
  const ContainerRecord& record;
  const RuntimeSpec& spec;
};
using Rule = std::string (*)(const Configuration&);

std::string OneId(const Configuration& c) {
  auto ids = [](const std::vector<SpecIdMapping>& map) {
    uint64_t count = 0;
    for (const SpecIdMapping& m : map) count += m.size;
    return count;
  };
  return ids(c.spec.uid_mappings) > 1 && ids(c.spec.gid_mappings) > 1 ? "" : "its id maps have one id alone";
}

std::string SharedIds(const Configuration& c) {
  if (!IsAuto(c.record.userns)) return "it has ids that others have (--userns=auto is not given)";
  const auto options = ParseAuto(c.record.userns);
  return options && options->uid_maps.empty() && options->gid_maps.empty()
             ? ""
             : "it was given ids by number (--userns=auto:uidmapping=, gidmapping=)";
}

std::string NoExecution(const Configuration& c) {
  return c.spec.process.no_new_privileges ? "it has no_new_privs (--security-opt no-new-privileges)"
                                          : OneId(c);
}

std::string Namespace(const Configuration& c, std::string_view type, const std::string& mode,
                      const char* flag) {
  if (!c.spec.HasNamespace(type)) return std::string("it shares the host's (") + flag + "=host)";
  return mode.starts_with("container:")
             ? "it shares another container's (" + std::string(flag) + "=container:)"
             : "";
}
std::string Pid(const Configuration& c) {
  return Namespace(c, "pid", c.record.pid_mode, "--pid");
}
std::string HostPid(const Configuration& c) {
  return c.spec.HasNamespace("pid") ? "" : "it shares the host's (--pid=host)";
}
std::string Ipc(const Configuration& c) {
  return Namespace(c, "ipc", c.record.ipc_mode, "--ipc");
}
std::string Uts(const Configuration& c) {
  return Namespace(c, "uts", c.record.uts_mode, "--uts");
}
std::string Network(const Configuration& c) {
  return Namespace(c, "network", c.record.network_config.mode, "--network");
}
std::string NetworkOfHost(const Configuration& c) {
  return c.spec.HasNamespace("network") ? "" : "it shares the host's (--network=host)";
}
std::string Loopback(const Configuration& c) {
  if (c.record.network_config.options.allow_host_loopback)
    return "it may reach it (allow_host_loopback=true)";
  // A namespace that somebody else has made leads wherever they lead it.
  return c.record.network_config.mode.starts_with("ns:") ? "its network is somebody else's (--network ns:)"
                                                         : NetworkOfHost(c);
}
std::string Outbound(const Configuration& c) {
  return c.record.network_config.mode == "none" ? "it has no network (--network none)" : "";
}
std::string Ipv6(const Configuration& c) {
  return c.record.network_config.mode == "slirp4netns" && !c.record.network_config.options.ipv6
             ? "its network has no IPv6 (enable_ipv6=true is not given)"
             : Outbound(c);
}
std::string ClientAddress(const Configuration& c) {
  return c.record.network_config.options.slirp_ports
             ? "slirp4netns forwards its ports (port_handler=slirp4netns)"
             : "";
}
std::string Throughput(const Configuration& c) {
  const NetworkConfig& network = c.record.network_config;
  return network.mode == "host" || network.options.bypass
             ? ""
             : "its network has no fast path (bypass=on is not given)";
}

std::string Seccomp(const Configuration& c) {
  return c.spec.seccomp ? "" : "it has no profile (--security-opt seccomp=unconfined)";
}
std::string Landlock(const Configuration& c) {
  return c.spec.annotations.contains(kLandlockAnnotation)
             ? ""
             : "it has no policy (--security-opt landlock= is not given)";
}
std::string Capabilities(const Configuration& c) {
  const auto usual = ContainerCapabilities({}, {}, kLastCapability).value_or(std::vector<std::string>());
  for (const std::string& name : c.spec.process.capabilities.bounding)
    if (std::ranges::find(usual, name) == usual.end()) return "it was given " + name + " (--cap-add)";
  return "";
}
std::string NoNewPrivileges(const Configuration& c) {
  return c.spec.process.no_new_privileges
             ? ""
             : "it does not have it (--security-opt no-new-privileges is not given)";
}
std::string MaskedPaths(const Configuration& c) {
  return c.spec.masked_paths.empty() ? "nothing is masked" : HostPid(c);
}
std::string OwnGroups(const Configuration& c) {
  const auto keep = c.spec.annotations.find("run.oci.keep_original_groups");
  return keep != c.spec.annotations.end() && keep->second == "1"
             ? ""
             : "it does not keep them (--group-add keep-groups is not given)";
}
std::string NativeWrites(const Configuration& c) {
  return c.record.upper == "kernel" || !c.record.rootfs.empty()
             ? ""
             : "its changes go through FUSE (--storage-opt)";
}
std::string PowerCut(const Configuration& c) {
  return c.record.memory ? "its changes are in memory (--storage-opt upper=memory)" : "";
}
std::string QuotaBytes(const Configuration& c) {
  return c.record.size != 0 ? "" : "it has no limit (--storage-opt size= is not given)";
}
std::string QuotaInodes(const Configuration& c) {
  return c.record.inodes != 0 ? "" : "it has no limit (--storage-opt inodes= is not given)";
}
std::string NetworkRate(const Configuration& c) {
  return c.record.network_config.ingress_rate != 0 || c.record.network_config.egress_rate != 0
             ? ""
             : "it has no limit (--network-rate is not given)";
}
std::string Nothing(const Configuration&) {
  return "";
}

struct Entry {
  std::string_view id;
  Rule gives_up;
  bool by_start;  // a start that cannot set it up fails, so that a container which runs has it
};
constexpr Entry kEntries[] = {
    {"users-separated", OneId, true},
    {"containers-by-uid", SharedIds, true},
    {"groups-inside", OneId, true},
    {"own-groups", OwnGroups, true},
    {"setuid", NoExecution, false},
    {"file-capabilities", NoExecution, false},
    {"high-ids", OneId, false},
    {"user-namespace", Nothing, true},
    {"mount-namespace", Nothing, true},
    {"pid-namespace", Pid, true},
    {"ipc-namespace", Ipc, true},
    {"uts-namespace", Uts, true},
    {"cgroup-namespace", Nothing, true},
    {"network-namespace", Network, true},
    {"processes-hidden", HostPid, true},
    {"masked-paths", MaskedPaths, true},
    {"abstract-sockets-hidden", NetworkOfHost, true},
    {"host-loopback-hidden", Loopback, true},
    {"seccomp", Seccomp, true},
    {"capabilities", Capabilities, true},
    {"no-new-privileges", NoNewPrivileges, true},
    {"landlock", Landlock, true},
    {"disk-quota-bytes", QuotaBytes, true},
    {"disk-quota-inodes", QuotaInodes, true},
    {"network-rate", NetworkRate, true},
    {"native-writes", NativeWrites, true},
    {"survives-power-cut", PowerCut, false},
    {"outbound", Outbound, false},
    {"client-address", ClientAddress, false},
    {"ipv6", Ipv6, false},
    {"throughput", Throughput, false},
};

}  // namespace

std::string GivenUp(std::string_view id, const ContainerRecord& record, const RuntimeSpec& spec) {
  for (const Entry& entry : kEntries)
    if (entry.id == id) return entry.gives_up({record, spec});
  return "";
}

std::vector<std::string> HeldByStart(const ContainerRecord& record, const RuntimeSpec& spec) {
  std::vector<std::string> held;
  for (const Entry& entry : kEntries)
    if (entry.by_start && entry.gives_up({record, spec}).empty()) held.emplace_back(entry.id);
  return held;
}

}  // namespace wolffia
