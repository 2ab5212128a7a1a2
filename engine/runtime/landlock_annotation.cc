#include "engine/runtime/landlock_annotation.h"

#include "engine/oci/json.h"

namespace wolffia {
namespace {

using Paths = std::optional<std::vector<std::string>>;
using Ports = std::optional<std::vector<uint16_t>>;

constexpr const char* kPlace = "annotation org.wolffia.landlock";

std::unexpected<Error> Malformed(const char* name, const char* what) {
  return Fail(Code::kInvalid, std::string(kPlace) + "." + name + ": " + what);
}

Result<Paths> PathsMember(const Json& json, const char* name) {
  if (TRY(ArrayMember(json, name, kPlace)) == nullptr) return Paths();
  Paths paths = TRY(StringsMember(json, name, kPlace));
  for (const std::string& path : *paths)
    if (!path.starts_with('/') && !path.starts_with("-/"))
      return Malformed(name, "not an array of absolute paths");
  return paths;
}

Result<Ports> PortsMember(const Json& json, const char* name) {
  const Json* array = TRY(ArrayMember(json, name, kPlace));
  if (array == nullptr) return Ports();
  Ports ports = Ports::value_type();
  for (const Json& port : *array) {
    if (!port.is_number_unsigned() || port.get<uint64_t>() > 65535)
      return Malformed(name, "not an array of port numbers");
    ports->push_back(port.get<uint16_t>());
  }
  return ports;
}

Result<> ReadScopes(const Json& json, LandlockPolicy& policy) {
  for (const std::string& scope : TRY(StringsMember(json, "scope", kPlace))) {
    if (scope == "abstract-unix-socket")
      policy.scope_abstract_sockets = true;
    else if (scope == "signal")
      policy.scope_signals = true;
    else
      return Malformed("scope", "there are abstract-unix-socket and signal");
  }
  return {};
}

}  // namespace

void PutLandlock(const LandlockPolicy& policy, RuntimeSpec& spec) {
  Json json{{"name", policy.name}, {"best-effort", policy.best_effort}};
  auto add = [&](const char* name, const auto& list) {
    if (list) json[name] = *list;
  };
  add("read", policy.read);
  add("write", policy.write);
  add("exec", policy.exec);
  add("bind-tcp", policy.bind_tcp);
  add("connect-tcp", policy.connect_tcp);
  if (policy.scope_abstract_sockets) json["scope"].push_back("abstract-unix-socket");
  if (policy.scope_signals) json["scope"].push_back("signal");
  spec.annotations[kLandlockAnnotation] = DumpJson(json);
}

Result<std::optional<LandlockPolicy>> LandlockOf(const RuntimeSpec& spec) {
  const auto found = spec.annotations.find(kLandlockAnnotation);
  if (found == spec.annotations.end()) return std::optional<LandlockPolicy>();
  const Json json = TRY_WITH(ParseJson(found->second), kPlace);
  if (!json.is_object()) return Fail(Code::kInvalid, std::string(kPlace) + ": not an object");
  LandlockPolicy policy;
  policy.name = TRY(StringMember(json, "name", kPlace));
  policy.best_effort = TRY(BoolMember(json, "best-effort", kPlace));
  policy.read = TRY(PathsMember(json, "read"));
  policy.write = TRY(PathsMember(json, "write"));
  policy.exec = TRY(PathsMember(json, "exec"));
  policy.bind_tcp = TRY(PortsMember(json, "bind-tcp"));
  policy.connect_tcp = TRY(PortsMember(json, "connect-tcp"));
  TRY(ReadScopes(json, policy));
  return std::optional<LandlockPolicy>(std::move(policy));
}

Result<LandlockRuleset> CompiledLandlockOf(const RuntimeSpec& spec) {
  const std::optional<LandlockPolicy> policy = TRY(LandlockOf(spec));
  if (!policy) return LandlockRuleset();
  return std::move(TRY(CompileLandlock(*policy, LandlockVersion())).ruleset);
}

}  // namespace wolffia
