// Profiles in the JSON format that docker, podman and containers-common share: a superset of the OCI runtime
// spec's seccomp object, in which rules depend on capabilities, architecture and kernel. What remains for
// this host and this container is the spec's.
#include <string.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>

#include "engine/oci/json.h"
#include "engine/runtime/seccomp.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRules = 10000, kMaxNames = 5000, kMaxArgs = 36;

struct NativeArchitecture {
  std::string_view scmp, go;
};
constexpr NativeArchitecture kNative =
#if defined(__x86_64__)
    {"SCMP_ARCH_X86_64", "amd64"};
#elif defined(__aarch64__)
    {"SCMP_ARCH_AARCH64", "arm64"};
#elif defined(__riscv)
    {"SCMP_ARCH_RISCV64", "riscv64"};
#elif defined(__powerpc64__)
    {"SCMP_ARCH_PPC64LE", "ppc64le"};
#elif defined(__s390x__)
    {"SCMP_ARCH_S390X", "s390x"};
#else
    {"", ""};
#endif

bool In(std::string_view word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Result<std::optional<uint64_t>> UnsignedMember(const Json& object, const char* name, std::string_view where) {
  auto it = object.find(name);
  if (it == object.end() || it->is_null()) return std::optional<uint64_t>();
  if (!it->is_number_unsigned())
    return Fail(Code::kInvalid, std::string(where) + "." + name + ": not a number of 64 bits without sign");
  return std::optional<uint64_t>(it->get<uint64_t>());
}

// errnoRet, or containers-common's errno by name, which wins.
Result<std::optional<uint32_t>> ErrnoMember(const Json& object, const char* number_name,
                                            const char* name_name, std::string_view where) {
  std::string name = TRY(StringMember(object, name_name, where));
  if (!name.empty()) {
    for (int e = 1; e < 200; e++)
      if (const char* known = strerrorname_np(e); known != nullptr && name == known)
        return std::optional<uint32_t>(static_cast<uint32_t>(e));
    return Fail(Code::kInvalid,
                std::string(where) + "." + name_name + ": unknown error name \"" + name + "\"");
  }
  std::optional<uint64_t> number = TRY(UnsignedMember(object, number_name, where));
  if (!number) return std::optional<uint32_t>();
  if (*number > 4094)
    return Fail(Code::kInvalid, std::string(where) + "." + number_name + ": not an error number");
  return std::optional<uint32_t>(static_cast<uint32_t>(*number));
}

// "4.8" <= the running kernel?
Result<bool> KernelIsAtLeast(const std::string& version, std::string_view where) {
  int major = 0, minor = 0, have_major = 0, have_minor = 0;
  char end = 0;
  if (sscanf(version.c_str(), "%4d.%4d%c", &major, &minor, &end) != 2)
    return Fail(Code::kInvalid, std::string(where) + ".minKernel: expected MAJOR.MINOR");
  utsname name;
  if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &have_major, &have_minor) != 2) return false;
  return have_major != major ? have_major > major : have_minor >= minor;
}

struct Condition {
  std::vector<std::string> caps, arches;
  bool kernel_given = false, kernel_fits = true;
};

Result<Condition> ParseCondition(const Json& rule, const char* name, const std::string& where) {
  const Json* object = TRY(ObjectMember(rule, name, where));
  Condition condition;
  if (object == nullptr) return condition;
  std::string inside = where + "." + name;
  condition.caps = TRY(StringsMember(*object, "caps", inside));
  condition.arches = TRY(StringsMember(*object, "arches", inside));
  std::string kernel = TRY(StringMember(*object, "minKernel", inside));
  condition.kernel_given = !kernel.empty();
  if (condition.kernel_given) condition.kernel_fits = TRY(KernelIsAtLeast(kernel, inside));
  return condition;
}

// As docker reads them: every included capability must be there, one excluded is enough.
Result<bool> Applies(const Json& rule, const std::vector<std::string>& bounding, const std::string& where) {
  Condition with = TRY(ParseCondition(rule, "includes", where));
  Condition without = TRY(ParseCondition(rule, "excludes", where));
  for (const std::string& cap : with.caps)
    if (!In(cap, bounding)) return false;
  if (!with.arches.empty() && !In(kNative.go, with.arches)) return false;
  if (!with.kernel_fits) return false;
  for (const std::string& cap : without.caps)
    if (In(cap, bounding)) return false;
  if (In(kNative.go, without.arches)) return false;
  return !(without.kernel_given && without.kernel_fits);
}

Result<SpecSeccompArg> ParseArg(const Json& arg, const std::string& where) {
  if (!arg.is_object()) return Fail(Code::kInvalid, where + ": not an object");
  std::optional<uint64_t> index = TRY(UnsignedMember(arg, "index", where));
  if (index.value_or(0) > 5)
    return Fail(Code::kInvalid, where + ".index: a system call has arguments 0 to 5");
  SpecSeccompArg parsed{.index = static_cast<uint32_t>(index.value_or(0))};
  parsed.value = TRY(UnsignedMember(arg, "value", where)).value_or(0);
  parsed.value_two = TRY(UnsignedMember(arg, "valueTwo", where)).value_or(0);
  parsed.op = TRY(StringMember(arg, "op", where));
  return parsed;
}

Result<SpecSeccompRule> ParseRule(const Json& rule, const std::string& where) {
  SpecSeccompRule parsed;
  parsed.names = TRY(StringsMember(rule, "names", where));
  if (std::string name = TRY(StringMember(rule, "name", where)); !name.empty())
    parsed.names.push_back(std::move(name));
  if (parsed.names.empty() || parsed.names.size() > kMaxNames)
    return Fail(Code::kInvalid, where + ".names: expected 1 to 5000 names of system calls");
  parsed.action = TRY(StringMember(rule, "action", where));
  if (parsed.action.empty()) return Fail(Code::kInvalid, where + ".action: missing");
  parsed.errno_ret = TRY(ErrnoMember(rule, "errnoRet", "errno", where));
  const Json* args = TRY(ArrayMember(rule, "args", where));
  if (args == nullptr) return parsed;
  if (args->size() > kMaxArgs) return Fail(Code::kInvalid, where + ".args: too many");
  for (size_t i = 0; i < args->size(); i++)
    parsed.args.push_back(TRY(ParseArg((*args)[i], where + ".args[" + std::to_string(i) + "]")));
  return parsed;
}

// "architectures", or docker's "archMap": the entry of the native one with those that it can also run.
Result<std::vector<std::string>> ParseArchitectures(const Json& profile) {
  std::vector<std::string> architectures = TRY(StringsMember(profile, "architectures", "profile"));
  const Json* map = TRY(ArrayMember(profile, "archMap", "profile"));
  if (map == nullptr || map->empty()) return architectures;
  if (!architectures.empty())
    return Fail(Code::kInvalid, "profile: architectures and archMap exclude each other");
  for (const Json& entry : *map) {
    if (!entry.is_object()) return Fail(Code::kInvalid, "profile.archMap: an entry is not an object");
    std::string name = TRY(StringMember(entry, "architecture", "profile.archMap"));
    if (name != kNative.scmp) continue;
    architectures = TRY(StringsMember(entry, "subArchitectures", "profile.archMap"));
    architectures.insert(architectures.begin(), name);
  }
  return architectures;
}

Result<SpecSeccomp> ParseObject(const Json& json, const std::vector<std::string>& bounding) {
  if (!json.is_object()) return Fail(Code::kInvalid, "profile: not an object");
  SpecSeccomp profile;
  profile.default_action = TRY(StringMember(json, "defaultAction", "profile"));
  profile.default_errno_ret = TRY(ErrnoMember(json, "defaultErrnoRet", "defaultErrno", "profile"));
  profile.architectures = TRY(ParseArchitectures(json));
  profile.flags = TRY(StringsMember(json, "flags", "profile"));
  if (profile.default_action.empty()) return Fail(Code::kInvalid, "profile.defaultAction: missing");
  const Json* rules = TRY(ArrayMember(json, "syscalls", "profile"));
  if (rules == nullptr) return profile;
  if (rules->size() > kMaxRules) return Fail(Code::kInvalid, "profile.syscalls: more than 10000 rules");
  for (size_t i = 0; i < rules->size(); i++) {
    std::string where = "profile.syscalls[" + std::to_string(i) + "]";
    const Json& rule = (*rules)[i];
    if (!rule.is_object()) return Fail(Code::kInvalid, where + ": not an object");
    if (TRY(Applies(rule, bounding, where))) profile.syscalls.push_back(TRY(ParseRule(rule, where)));
  }
  return profile;
}

}  // namespace

Result<SpecSeccomp> ParseSeccompProfile(std::string_view json, const std::vector<std::string>& bounding) {
  Json document = TRY(ParseJson(json));
  return ParseObject(document, bounding);
}

}  // namespace wolffia
