// Parsing of config.json. Every known property of the specification that is not in RuntimeSpec is in one of
// the tables of refusals below; unknown ones are skipped, as config.md, "Extensibility", wants it.
#include "engine/oci/runtime_spec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "engine/oci/json.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxUint32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMaxUint64 = std::numeric_limits<uint64_t>::max();
constexpr std::array kNamespaceTypes = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"};
constexpr std::array kPropagations = {"",        "shared", "slave",    "private",    "unbindable",
                                      "rshared", "rslave", "rprivate", "runbindable"};

using Names = std::initializer_list<const char*>;

std::string Item(std::string_view array, size_t index) {
  return std::string(array) + "[" + std::to_string(index) + "]";
}

// A value that asks for nothing: null, "", [], {}, and objects of such.
bool AsksForNothing(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_object())
    return std::ranges::all_of(value.get_ref<const Json::object_t&>(),
                               [](const auto& member) { return AsksForNothing(member.second); });
  return value.is_null() || (value.is_array() && value.empty());
}

// Refuses what the document asks for and this engine does not do.
Result<> RefuseMembers(const Json& object, const std::string& where, Names names) {
  for (const char* name : names) {
    auto member = object.find(name);
    if (member == object.end() || AsksForNothing(*member)) continue;
    return Fail(Code::kUnsupported, (where.empty() ? "" : where + ".") + name + ": not supported; remove it");
  }
  return {};
}

Result<uint32_t> Uint32Member(const Json& object, const char* name, std::string_view where) {
  return static_cast<uint32_t>(TRY(UintMember(object, name, where, kMaxUint32)));
}

Result<std::optional<uint32_t>> OptionalUint32(const Json& object, const char* name, std::string_view where) {
  if (!object.is_object() || !object.contains(name) || object[name].is_null())
    return std::optional<uint32_t>();
  return TRY(Uint32Member(object, name, where));
}

// The items of an array, each parsed by `parse(item, "where.name[i]")`.
template <typename T, typename Parse>
Result<std::vector<T>> ItemsMember(const Json& object, const char* name, const std::string& where,
                                   Parse parse) {
  std::vector<T> out;
  const Json* array = TRY(ArrayMember(object, name, where));
  if (array == nullptr) return out;
  const std::string path = where.empty() ? name : where + "." + name;
  for (const Json& item : *array) {
    const std::string item_path = Item(path, out.size());
    if (!item.is_object()) return Fail(Code::kInvalid, item_path + ": not an object");
    out.push_back(TRY(parse(item, item_path)));
  }
  return out;
}

Result<> CheckAbsolute(const std::string& path, const std::string& where) {
  if (path.starts_with('/')) return {};
  return Fail(Code::kInvalid, where + ": " + Quote(path) + " is not an absolute path");
}

Result<SpecUser> ParseUser(const Json& process) {
  SpecUser out;
  const Json* json = TRY(ObjectMember(process, "user", "process"));
  if (json == nullptr) return out;
  out.uid = TRY(Uint32Member(*json, "uid", "process.user"));
  out.gid = TRY(Uint32Member(*json, "gid", "process.user"));
  out.umask = TRY(OptionalUint32(*json, "umask", "process.user"));
  if (out.umask > 0777u) return Fail(Code::kInvalid, "process.user.umask: above 0777");
  const Json* gids = TRY(ArrayMember(*json, "additionalGids", "process.user"));
  if (gids == nullptr) return out;
  for (const Json& gid : *gids) {
    if (!gid.is_number_unsigned() || gid.get<uint64_t>() > kMaxUint32)
      return Fail(Code::kInvalid, "process.user.additionalGids: not an array of group ids");
    out.additional_gids.push_back(gid.get<uint32_t>());
  }
  return out;
}

Result<SpecCapabilities> ParseCapabilities(const Json& process) {
  SpecCapabilities out;
  const Json* json = TRY(ObjectMember(process, "capabilities", "process"));
  if (json == nullptr) return out;
  const char* where = "process.capabilities";
  out.bounding = TRY(StringsMember(*json, "bounding", where));
  out.effective = TRY(StringsMember(*json, "effective", where));
  out.inheritable = TRY(StringsMember(*json, "inheritable", where));
  out.permitted = TRY(StringsMember(*json, "permitted", where));
  out.ambient = TRY(StringsMember(*json, "ambient", where));
  return out;
}

Result<SpecRlimit> ParseRlimit(const Json& json, const std::string& where) {
  SpecRlimit out;
  out.type = TRY(StringMember(json, "type", where));
  out.soft = TRY(UintMember(json, "soft", where, kMaxUint64));
  out.hard = TRY(UintMember(json, "hard", where, kMaxUint64));
  if (!out.type.starts_with("RLIMIT_"))
    return Fail(Code::kInvalid, where + ".type: " + Quote(out.type) + " is not RLIMIT_...");
  if (out.soft > out.hard) return Fail(Code::kInvalid, where + ": the soft limit is above the hard one");
  return out;
}

Result<> CheckRlimitsDiffer(const std::vector<SpecRlimit>& rlimits) {
  std::set<std::string_view> seen;
  for (const SpecRlimit& limit : rlimits)
    if (!seen.insert(limit.type).second)
      return Fail(Code::kInvalid, "process.rlimits: " + Quote(limit.type) + " appears twice");
  return {};
}

Result<std::optional<int>> ParseOomScore(const Json& process) {
  if (!process.contains("oomScoreAdj") || process["oomScoreAdj"].is_null()) return std::optional<int>();
  const int64_t score = TRY(IntMember(process, "oomScoreAdj", "process"));
  if (score < -1000 || score > 1000)
    return Fail(Code::kInvalid, "process.oomScoreAdj: not from -1000 to 1000");
  return static_cast<int>(score);
}

// consoleSize is what the terminal begins with; whoever attaches sets it again, so it is informative.
Result<SpecProcess> ParseProcess(const Json& document) {
  const Json* json = TRY(ObjectMember(document, "process", ""));
  if (json == nullptr) return Fail(Code::kInvalid, "process: missing");
  TRY(RefuseMembers(
      *json, "process",
      {"apparmorProfile", "selinuxLabel", "scheduler", "ioPriority", "execCPUAffinity", "commandLine"}));
  SpecProcess out;
  out.terminal = TRY(BoolMember(*json, "terminal", "process"));
  out.user = TRY(ParseUser(*json));
  out.args = TRY(StringsMember(*json, "args", "process"));
  out.env = TRY(StringsMember(*json, "env", "process"));
  out.cwd = TRY(StringMember(*json, "cwd", "process"));
  out.capabilities = TRY(ParseCapabilities(*json));
  out.rlimits = TRY(ItemsMember<SpecRlimit>(*json, "rlimits", "process", ParseRlimit));
  out.no_new_privileges = TRY(BoolMember(*json, "noNewPrivileges", "process"));
  out.oom_score_adj = TRY(ParseOomScore(*json));
  if (out.args.empty()) return Fail(Code::kInvalid, "process.args: no command");
  TRY(CheckAbsolute(out.cwd, "process.cwd"));
  TRY(CheckRlimitsDiffer(out.rlimits));
  return out;
}

Result<SpecMount> ParseMount(const Json& json, const std::string& where) {
  TRY(RefuseMembers(json, where, {"uidMappings", "gidMappings"}));
  SpecMount out;
  out.destination = TRY(StringMember(json, "destination", where));
  out.type = TRY(StringMember(json, "type", where));
  out.source = TRY(StringMember(json, "source", where));
  out.options = TRY(StringsMember(json, "options", where));
  TRY(CheckAbsolute(out.destination, where + ".destination"));
  return out;
}

Result<SpecIdMapping> ParseIdMapping(const Json& json, const std::string& where) {
  SpecIdMapping out;
  out.container_id = TRY(Uint32Member(json, "containerID", where));
  out.host_id = TRY(Uint32Member(json, "hostID", where));
  out.size = TRY(Uint32Member(json, "size", where));
  if (out.size == 0) return Fail(Code::kInvalid, where + ".size: 0");
  if (out.container_id + uint64_t{out.size} > kMaxUint32 + 1 ||
      out.host_id + uint64_t{out.size} > kMaxUint32 + 1)
    return Fail(Code::kInvalid, where + ": ends above the highest id");
  return out;
}

Result<SpecNamespace> ParseNamespace(const Json& json, const std::string& where) {
  SpecNamespace out;
  out.type = TRY(StringMember(json, "type", where));
  out.path = TRY(StringMember(json, "path", where));
  if (out.type == "time") return Fail(Code::kUnsupported, where + ".type: time namespaces are not supported");
  if (std::ranges::find(kNamespaceTypes, out.type) == kNamespaceTypes.end())
    return Fail(Code::kInvalid, where + ".type: unknown namespace " + Quote(out.type));
  if (!out.path.empty()) TRY(CheckAbsolute(out.path, where + ".path"));
  return out;
}

Result<> CheckNamespacesDiffer(const std::vector<SpecNamespace>& namespaces) {
  std::set<std::string_view> seen;
  for (const SpecNamespace& ns : namespaces)
    if (!seen.insert(ns.type).second)
      return Fail(Code::kInvalid, "linux.namespaces: " + Quote(ns.type) + " appears twice");
  return {};
}

Result<SpecDevice> ParseDevice(const Json& json, const std::string& where) {
  SpecDevice out;
  out.path = TRY(StringMember(json, "path", where));
  out.type = TRY(StringMember(json, "type", where));
  TRY(CheckAbsolute(out.path, where + ".path"));
  if (out.type != "c" && out.type != "b" && out.type != "u" && out.type != "p")
    return Fail(Code::kInvalid, where + ".type: " + Quote(out.type) + " is not a kind of device");
  return out;
}

Result<SpecSeccompArg> ParseSeccompArg(const Json& json, const std::string& where) {
  SpecSeccompArg out;
  out.index = static_cast<uint32_t>(TRY(UintMember(json, "index", where, 5)));
  out.value = TRY(UintMember(json, "value", where, kMaxUint64));
  out.value_two = TRY(UintMember(json, "valueTwo", where, kMaxUint64));
  out.op = TRY(StringMember(json, "op", where));
  return out;
}

Result<SpecSeccompRule> ParseSeccompRule(const Json& json, const std::string& where) {
  SpecSeccompRule out;
  out.names = TRY(StringsMember(json, "names", where));
  out.action = TRY(StringMember(json, "action", where));
  out.errno_ret = TRY(OptionalUint32(json, "errnoRet", where));
  out.args = TRY(ItemsMember<SpecSeccompArg>(json, "args", where, ParseSeccompArg));
  return out;
}

Result<std::optional<SpecSeccomp>> ParseSeccomp(const Json& linux_json) {
  const std::string where = "linux.seccomp";
  const Json* json = TRY(ObjectMember(linux_json, "seccomp", "linux"));
  if (json == nullptr) return std::optional<SpecSeccomp>();
  TRY(RefuseMembers(*json, where, {"listenerPath", "listenerMetadata"}));
  SpecSeccomp out;
  out.default_action = TRY(StringMember(*json, "defaultAction", where));
  if (out.default_action.empty()) return Fail(Code::kInvalid, where + ".defaultAction: missing");
  out.default_errno_ret = TRY(OptionalUint32(*json, "defaultErrnoRet", where));
  out.architectures = TRY(StringsMember(*json, "architectures", where));
  out.flags = TRY(StringsMember(*json, "flags", where));
  out.syscalls = TRY(ItemsMember<SpecSeccompRule>(*json, "syscalls", where, ParseSeccompRule));
  return out;
}

// Limits need a cgroup. The device list is the exception: an ordinary user can't create devices, so what the
// list would forbid (other runtimes always write "deny all") cannot be opened anyway unless it was bound in.
Result<> CheckResources(const Json& linux_json) {
  const Json* json = TRY(ObjectMember(linux_json, "resources", "linux"));
  if (json == nullptr) return {};
  for (const auto& [name, value] : json->get_ref<const Json::object_t&>())
    if (name != "devices" && !AsksForNothing(value))
      return Fail(Code::kUnsupported,
                  "linux.resources." + Printable(name) + ": limits are not supported yet; remove them");
  TRY(ArrayMember(*json, "devices", "linux.resources"));
  return {};
}

Result<> ParseLinux(const Json& document, RuntimeSpec* out) {
  const Json* json = TRY(ObjectMember(document, "linux", ""));
  if (json == nullptr) return {};
  TRY(RefuseMembers(
      *json, "linux",
      {"cgroupsPath", "intelRdt", "memoryPolicy", "mountLabel", "netDevices", "personality", "timeOffsets"}));
  TRY(CheckResources(*json));
  out->uid_mappings = TRY(ItemsMember<SpecIdMapping>(*json, "uidMappings", "linux", ParseIdMapping));
  out->gid_mappings = TRY(ItemsMember<SpecIdMapping>(*json, "gidMappings", "linux", ParseIdMapping));
  out->namespaces = TRY(ItemsMember<SpecNamespace>(*json, "namespaces", "linux", ParseNamespace));
  TRY(CheckNamespacesDiffer(out->namespaces));
  out->devices = TRY(ItemsMember<SpecDevice>(*json, "devices", "linux", ParseDevice));
  out->sysctl = TRY(StringMapMember(*json, "sysctl", "linux"));
  out->masked_paths = TRY(StringsMember(*json, "maskedPaths", "linux"));
  out->readonly_paths = TRY(StringsMember(*json, "readonlyPaths", "linux"));
  for (const std::string& path : out->masked_paths) TRY(CheckAbsolute(path, "linux.maskedPaths"));
  for (const std::string& path : out->readonly_paths) TRY(CheckAbsolute(path, "linux.readonlyPaths"));
  out->rootfs_propagation = TRY(StringMember(*json, "rootfsPropagation", "linux"));
  if (std::ranges::find(kPropagations, out->rootfs_propagation) == kPropagations.end())
    return Fail(Code::kInvalid, "linux.rootfsPropagation: unknown mode " + Quote(out->rootfs_propagation));
  out->seccomp = TRY(ParseSeccomp(*json));
  return {};
}

Result<> ParseRoot(const Json& document, RuntimeSpec* out) {
  const Json* root = TRY(ObjectMember(document, "root", ""));
  if (root == nullptr) return {};
  out->root_path = TRY(StringMember(*root, "path", "root"));
  out->root_readonly = TRY(BoolMember(*root, "readonly", "root"));
  return {};
}

Result<RuntimeSpec> ParseSpec(std::string_view text) {
  const Json document = TRY(ParseJson(text));
  RuntimeSpec out;
  out.oci_version = TRY(StringMember(document, "ociVersion", ""));
  if (!out.oci_version.starts_with("1."))
    return Fail(Code::kInvalid, "ociVersion: " + Quote(out.oci_version) + " is not 1.x");
  TRY(RefuseMembers(document, "", {"domainname", "freebsd", "hooks", "solaris", "vm", "windows", "zos"}));
  out.hostname = TRY(StringMember(document, "hostname", ""));
  TRY(ParseRoot(document, &out));
  out.process = TRY(ParseProcess(document));
  out.mounts = TRY(ItemsMember<SpecMount>(document, "mounts", "", ParseMount));
  out.annotations = TRY(StringMapMember(document, "annotations", ""));
  TRY(ParseLinux(document, &out));
  if (!out.hostname.empty() && !out.HasNamespace("uts"))
    return Fail(Code::kInvalid, "hostname: needs a namespace of type uts");
  return out;
}

}  // namespace

Result<RuntimeSpec> RuntimeSpec::Parse(std::string_view json) {
  return ParseSpec(json).With("runtime specification");
}

bool RuntimeSpec::HasNamespace(std::string_view type) const {
  return std::ranges::any_of(namespaces, [&](const SpecNamespace& ns) { return ns.type == type; });
}

}  // namespace wolffia
