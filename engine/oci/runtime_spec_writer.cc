// Serialize: RuntimeSpec as config.json, for our own store and for other programs. Empty optional members are
// left out.
#include "engine/oci/json.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {
namespace {

template <typename T>
void AddUnlessEmpty(Json* object, const char* name, const T& value) {
  if (!value.empty()) (*object)[name] = value;
}

template <typename T, typename Convert>
void AddItems(Json* object, const char* name, const std::vector<T>& items, Convert convert) {
  if (items.empty()) return;
  Json array = Json::array();
  for (const T& item : items) array.push_back(convert(item));
  (*object)[name] = std::move(array);
}

Json UserJson(const SpecUser& user) {
  Json out{{"uid", user.uid}, {"gid", user.gid}};
  if (user.umask) out["umask"] = *user.umask;
  AddUnlessEmpty(&out, "additionalGids", user.additional_gids);
  return out;
}

Json CapabilitiesJson(const SpecCapabilities& capabilities) {
  Json out = Json::object();
  AddUnlessEmpty(&out, "bounding", capabilities.bounding);
  AddUnlessEmpty(&out, "effective", capabilities.effective);
  AddUnlessEmpty(&out, "inheritable", capabilities.inheritable);
  AddUnlessEmpty(&out, "permitted", capabilities.permitted);
  AddUnlessEmpty(&out, "ambient", capabilities.ambient);
  return out;
}

Json ProcessJson(const SpecProcess& process) {
  Json out{{"user", UserJson(process.user)},
           {"args", process.args},
           {"cwd", process.cwd},
           {"capabilities", CapabilitiesJson(process.capabilities)},
           {"noNewPrivileges", process.no_new_privileges}};
  if (process.terminal) out["terminal"] = true;
  AddUnlessEmpty(&out, "env", process.env);
  AddItems(&out, "rlimits", process.rlimits, [](const SpecRlimit& limit) {
    return Json{{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}};
  });
  if (process.oom_score_adj) out["oomScoreAdj"] = *process.oom_score_adj;
  return out;
}

Json MountJson(const SpecMount& mount) {
  Json out{{"destination", mount.destination}};
  AddUnlessEmpty(&out, "type", mount.type);
  AddUnlessEmpty(&out, "source", mount.source);
  AddUnlessEmpty(&out, "options", mount.options);
  return out;
}

Json IdMappingJson(const SpecIdMapping& mapping) {
  return Json{{"containerID", mapping.container_id}, {"hostID", mapping.host_id}, {"size", mapping.size}};
}

Json NamespaceJson(const SpecNamespace& ns) {
  Json out{{"type", ns.type}};
  AddUnlessEmpty(&out, "path", ns.path);
  return out;
}

Json SeccompRuleJson(const SpecSeccompRule& rule) {
  Json out{{"names", rule.names}, {"action", rule.action}};
  if (rule.errno_ret) out["errnoRet"] = *rule.errno_ret;
  AddItems(&out, "args", rule.args, [](const SpecSeccompArg& arg) {
    return Json{{"index", arg.index}, {"value", arg.value}, {"valueTwo", arg.value_two}, {"op", arg.op}};
  });
  return out;
}

Json SeccompJson(const SpecSeccomp& seccomp) {
  Json out{{"defaultAction", seccomp.default_action}};
  if (seccomp.default_errno_ret) out["defaultErrnoRet"] = *seccomp.default_errno_ret;
  AddUnlessEmpty(&out, "architectures", seccomp.architectures);
  AddUnlessEmpty(&out, "flags", seccomp.flags);
  AddItems(&out, "syscalls", seccomp.syscalls, SeccompRuleJson);
  return out;
}

Json LinuxJson(const RuntimeSpec& spec) {
  Json out = Json::object();
  AddItems(&out, "uidMappings", spec.uid_mappings, IdMappingJson);
  AddItems(&out, "gidMappings", spec.gid_mappings, IdMappingJson);
  AddItems(&out, "namespaces", spec.namespaces, NamespaceJson);
  AddItems(&out, "devices", spec.devices,
           [](const SpecDevice& device) { return Json{{"path", device.path}, {"type", device.type}}; });
  AddUnlessEmpty(&out, "sysctl", spec.sysctl);
  AddUnlessEmpty(&out, "maskedPaths", spec.masked_paths);
  AddUnlessEmpty(&out, "readonlyPaths", spec.readonly_paths);
  AddUnlessEmpty(&out, "rootfsPropagation", spec.rootfs_propagation);
  if (spec.seccomp) out["seccomp"] = SeccompJson(*spec.seccomp);
  return out;
}

}  // namespace

std::string RuntimeSpec::Serialize() const {
  Json out{{"ociVersion", oci_version},
           {"process", ProcessJson(process)},
           {"root", {{"path", root_path}, {"readonly", root_readonly}}},
           {"linux", LinuxJson(*this)}};
  AddUnlessEmpty(&out, "hostname", hostname);
  AddItems(&out, "mounts", mounts, MountJson);
  AddUnlessEmpty(&out, "annotations", annotations);
  return DumpJson(out);
}

}  // namespace wolffia
