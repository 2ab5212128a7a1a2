#include "storage/container_parts_json.h"

namespace wolffia {
namespace {

std::string Inside(std::string_view where, const char* name) {
  return std::string(where) + "." + name;
}

Result<HealthResult> ParseHealthResult(const Json& json, std::string_view where) {
  HealthResult result;
  result.start_ns = TRY(IntMember(json, "start_ns", where));
  result.end_ns = TRY(IntMember(json, "end_ns", where));
  result.exit_code = TRY(AnyIntMember(json, "exit_code", where));  // -1: it took too long
  result.output = TRY(StringMember(json, "output", where));
  return result;
}

Result<VolumeUse> ParseVolumeUse(const Json& json, std::string_view where) {
  VolumeUse use;
  use.name = TRY(StringMember(json, "name", where));
  use.destination = TRY(StringMember(json, "destination", where));
  use.anonymous = TRY(BoolMember(json, "anonymous", where));
  use.options = TRY(StringsMember(json, "options", where));
  return use;
}

Result<SecretUse> ParseSecretUse(const Json& json, std::string_view where) {
  SecretUse use;
  use.name = TRY(StringMember(json, "name", where));
  use.id = TRY(StringMember(json, "id", where));
  use.as_env = TRY(BoolMember(json, "as_env", where));
  use.target = TRY(StringMember(json, "target", where));
  use.uid = static_cast<uint32_t>(TRY(UintMember(json, "uid", where, UINT32_MAX)));
  use.gid = static_cast<uint32_t>(TRY(UintMember(json, "gid", where, UINT32_MAX)));
  use.mode = static_cast<uint32_t>(TRY(UintMember(json, "mode", where, 07777)));
  return use;
}

template <typename Part>
Result<std::vector<Part>> PartsMember(const Json& object, const char* name, std::string_view where,
                                      Result<Part> (*parse)(const Json&, std::string_view)) {
  std::vector<Part> parts;
  const Json* array = TRY(ArrayMember(object, name, where));
  if (array == nullptr) return parts;
  for (const Json& entry : *array) {
    if (!entry.is_object()) return Fail(Code::kInvalid, Inside(where, name) + ": not an array of objects");
    parts.push_back(TRY(parse(entry, Inside(where, name))));
  }
  return parts;
}

}  // namespace

Result<int> AnyIntMember(const Json& object, const char* name, std::string_view where) {
  int64_t value = TRY(IntMember(object, name, where));
  if (value < INT32_MIN || value > INT32_MAX)
    return Fail(Code::kInvalid, Inside(where, name) + ": " + std::to_string(value) + " is out of range");
  return static_cast<int>(value);
}

Result<int> SmallIntMember(const Json& object, const char* name, std::string_view where) {
  int value = TRY(AnyIntMember(object, name, where));
  if (value < 0)
    return Fail(Code::kInvalid, Inside(where, name) + ": " + std::to_string(value) + " is out of range");
  return value;
}

Json ToJson(const LogConfig& c) {
  return {{"driver", c.driver},
          {"path", c.path},
          {"tag", c.tag},
          {"max_size", c.max_size},
          {"max_file", c.max_file}};
}

Result<LogConfig> LogMember(const Json& object, const char* name, std::string_view where) {
  LogConfig config;
  const Json* json = TRY(ObjectMember(object, name, where));
  if (json == nullptr) return config;
  const std::string inside = Inside(where, name);
  config.driver = TRY(StringMember(*json, "driver", inside));
  config.path = TRY(StringMember(*json, "path", inside));
  config.tag = TRY(StringMember(*json, "tag", inside));
  config.max_size = TRY(UintMember(*json, "max_size", inside, UINT64_MAX));
  config.max_file = TRY(SmallIntMember(*json, "max_file", inside));
  return config;
}

Json ToJson(const HealthConfig& c) {
  return {{"command", c.command},
          {"shell", c.shell},
          {"interval_ns", c.interval_ns},
          {"timeout_ns", c.timeout_ns},
          {"start_period_ns", c.start_period_ns},
          {"retries", c.retries},
          {"on_failure", c.on_failure},
          {"startup_command", c.startup_command},
          {"startup_shell", c.startup_shell},
          {"startup_interval_ns", c.startup_interval_ns},
          {"startup_timeout_ns", c.startup_timeout_ns},
          {"startup_retries", c.startup_retries},
          {"startup_success", c.startup_success}};
}

Result<std::optional<HealthConfig>> HealthMember(const Json& object, const char* name,
                                                 std::string_view where) {
  const Json* json = TRY(ObjectMember(object, name, where));
  if (json == nullptr) return std::optional<HealthConfig>();
  const std::string inside = Inside(where, name);
  HealthConfig c;
  c.command = TRY(StringsMember(*json, "command", inside));
  c.shell = TRY(BoolMember(*json, "shell", inside));
  c.interval_ns = TRY(IntMember(*json, "interval_ns", inside));
  c.timeout_ns = TRY(IntMember(*json, "timeout_ns", inside));
  c.start_period_ns = TRY(IntMember(*json, "start_period_ns", inside));
  c.retries = TRY(SmallIntMember(*json, "retries", inside));
  c.on_failure = TRY(StringMember(*json, "on_failure", inside));
  c.startup_command = TRY(StringsMember(*json, "startup_command", inside));
  c.startup_shell = TRY(BoolMember(*json, "startup_shell", inside));
  c.startup_interval_ns = TRY(IntMember(*json, "startup_interval_ns", inside));
  c.startup_timeout_ns = TRY(IntMember(*json, "startup_timeout_ns", inside));
  c.startup_retries = TRY(SmallIntMember(*json, "startup_retries", inside));
  c.startup_success = TRY(SmallIntMember(*json, "startup_success", inside));
  return std::optional<HealthConfig>(std::move(c));
}

Json ToJson(const HealthState& s) {
  Json log = Json::array();
  for (const HealthResult& r : s.log)
    log.push_back(
        {{"start_ns", r.start_ns}, {"end_ns", r.end_ns}, {"exit_code", r.exit_code}, {"output", r.output}});
  return {{"status", s.status}, {"failing", s.failing}, {"log", std::move(log)}};
}

Result<std::optional<HealthState>> HealthStateMember(const Json& object, const char* name,
                                                     std::string_view where) {
  const Json* json = TRY(ObjectMember(object, name, where));
  if (json == nullptr) return std::optional<HealthState>();
  const std::string inside = Inside(where, name);
  HealthState state;
  state.status = TRY(StringMember(*json, "status", inside));
  state.failing = TRY(SmallIntMember(*json, "failing", inside));
  state.log = TRY(PartsMember<HealthResult>(*json, "log", inside, ParseHealthResult));
  return std::optional<HealthState>(std::move(state));
}

Json ToJson(const std::vector<VolumeUse>& volumes) {
  Json array = Json::array();
  for (const VolumeUse& use : volumes)
    array.push_back({{"name", use.name},
                     {"destination", use.destination},
                     {"anonymous", use.anonymous},
                     {"options", use.options}});
  return array;
}

Json ToJson(const std::vector<SecretUse>& secrets) {
  Json array = Json::array();
  for (const SecretUse& use : secrets)
    array.push_back({{"name", use.name},
                     {"id", use.id},
                     {"as_env", use.as_env},
                     {"target", use.target},
                     {"uid", use.uid},
                     {"gid", use.gid},
                     {"mode", use.mode}});
  return array;
}

Result<std::vector<VolumeUse>> VolumesMember(const Json& object, const char* name, std::string_view where) {
  return PartsMember<VolumeUse>(object, name, where, ParseVolumeUse);
}

Result<std::vector<SecretUse>> SecretsMember(const Json& object, const char* name, std::string_view where) {
  return PartsMember<SecretUse>(object, name, where, ParseSecretUse);
}

}  // namespace wolffia
