#include "storage/container_parts_json.h"
#include "storage/record_json.h"

namespace wolffia {
namespace {

std::string Inside(std::string_view where, const char* name) {
  return std::string(where) + "." + name;
}

// Of a number that may be negative.
struct AnySign {};

template <typename Part>
Json PartsToJson(const std::vector<Part>& parts);
template <typename Part>
Result<std::vector<Part>> PartsMember(const Json& object, const char* name, std::string_view where);

// The members of a part are listed once, in Fields, for both ways.
class Writer {
 public:
  template <typename Value>
  void operator()(const char* name, const Value& value, auto...) {
    json_[name] = value;
  }
  void operator()(const char* name, const Digest& value) { json_[name] = DigestText(value); }
  void operator()(const char* name, const std::vector<Digest>& value) { json_[name] = ToJson(value); }
  void operator()(const char* name, const std::vector<HealthResult>& value) {
    json_[name] = PartsToJson(value);
  }
  // Most containers have none of them.
  void operator()(const char* name, const std::vector<DeviceLimit>& value) {
    if (!value.empty()) json_[name] = PartsToJson(value);
  }
  void operator()(const char* name, const ResourceLimits& value);
  Json Take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

// What is missing has its type's zero; the first error is kept.
class Reader {
 public:
  Reader(const Json& json, std::string_view where) : json_(json), where_(where) {}
  void operator()(const char* name, std::string& value) { Keep(StringMember(json_, name, where_), value); }
  void operator()(const char* name, bool& value) { Keep(BoolMember(json_, name, where_), value); }
  void operator()(const char* name, int& value) { Keep(SmallIntMember(json_, name, where_), value); }
  void operator()(const char* name, int& value, AnySign) { Keep(AnyIntMember(json_, name, where_), value); }
  void operator()(const char* name, int64_t& value) { Keep(IntMember(json_, name, where_), value); }
  void operator()(const char* name, uint64_t& value) {
    Keep(UintMember(json_, name, where_, UINT64_MAX), value);
  }
  void operator()(const char* name, uint32_t& value, uint32_t most = UINT32_MAX) {
    uint64_t wide = 0;
    Keep(UintMember(json_, name, where_, most), wide);
    value = static_cast<uint32_t>(wide);
  }
  void operator()(const char* name, Digest& value) { Keep(DigestMember(json_, name, where_), value); }
  void operator()(const char* name, std::vector<Digest>& value) {
    Keep(DigestsMember(json_, name, where_), value);
  }
  void operator()(const char* name, std::vector<std::string>& value) {
    Keep(StringsMember(json_, name, where_), value);
  }
  void operator()(const char* name, std::vector<HealthResult>& value) {
    Keep(PartsMember<HealthResult>(json_, name, where_), value);
  }
  void operator()(const char* name, std::vector<DeviceLimit>& value) {
    Keep(PartsMember<DeviceLimit>(json_, name, where_), value);
  }
  void operator()(const char* name, std::map<std::string, std::string>& value) {
    Keep(StringMapMember(json_, name, where_), value);
  }
  void operator()(const char* name, ResourceLimits& value);
  Result<> Take() { return std::move(result_); }

 private:
  template <typename Value>
  void Keep(Result<Value> read, Value& value) {
    if (read)
      value = *std::move(read);
    else if (result_)
      result_ = std::unexpected(std::move(read.error()));
  }
  const Json& json_;
  std::string_view where_;
  Result<> result_;
};

void Fields(auto& field, auto& part, const LogConfig*) {
  field("driver", part.driver);
  field("path", part.path);
  field("tag", part.tag);
  field("max_size", part.max_size);
  field("max_file", part.max_file);
}

void Fields(auto& field, auto& part, const HealthConfig*) {
  field("command", part.command);
  field("shell", part.shell);
  field("interval_ns", part.interval_ns);
  field("timeout_ns", part.timeout_ns);
  field("start_period_ns", part.start_period_ns);
  field("retries", part.retries);
  field("on_failure", part.on_failure);
  field("startup_command", part.startup_command);
  field("startup_shell", part.startup_shell);
  field("startup_interval_ns", part.startup_interval_ns);
  field("startup_timeout_ns", part.startup_timeout_ns);
  field("startup_retries", part.startup_retries);
  field("startup_success", part.startup_success);
}

void Fields(auto& field, auto& part, const HealthResult*) {
  field("start_ns", part.start_ns);
  field("end_ns", part.end_ns);
  field("exit_code", part.exit_code, AnySign());  // -1: it took too long
  field("output", part.output);
}

void Fields(auto& field, auto& part, const HealthState*) {
  field("status", part.status);
  field("failing", part.failing);
  field("log", part.log);
}

void Fields(auto& field, auto& part, const VolumeUse*) {
  field("name", part.name);
  field("destination", part.destination);
  field("anonymous", part.anonymous);
  field("options", part.options);
}

void Fields(auto& field, auto& part, const ImageUse*) {
  field("name", part.name);
  field("destination", part.destination);
  field("image_id", part.image_id);
  field("chain", part.chain);
  field("diff_ids", part.diff_ids);
}

void Fields(auto& field, auto& part, const SecretUse*) {
  field("name", part.name);
  field("id", part.id);
  field("as_env", part.as_env);
  field("target", part.target);
  field("uid", part.uid);
  field("gid", part.gid);
  field("mode", part.mode, 07777);
}

void Fields(auto& field, auto& part, const DeviceLimit*) {
  field("path", part.path);
  field("major", part.major);
  field("minor", part.minor);
  field("value", part.value);
}

void Fields(auto& field, auto& part, const ResourceLimits*) {
  field("memory", part.memory);
  field("memory_swap", part.memory_swap);
  field("memory_reservation", part.memory_reservation);
  field("memory_high", part.memory_high);
  field("cpu_shares", part.cpu_shares);
  field("cpu_period", part.cpu_period);
  field("cpu_quota", part.cpu_quota);
  field("cpuset_cpus", part.cpuset_cpus);
  field("cpuset_mems", part.cpuset_mems);
  field("pids", part.pids);
  field("pids_by_default", part.pids_by_default);
  field("blkio_weight", part.blkio_weight);
  field("blkio_weight_device", part.blkio_weight_device);
  field("read_bps", part.read_bps);
  field("write_bps", part.write_bps);
  field("read_iops", part.read_iops);
  field("write_iops", part.write_iops);
  field("conf", part.conf);
}

void Fields(auto& field, auto& part, const CgroupConfig*) {
  field("mode", part.mode);
  field("parent", part.parent);
  field("host_namespace", part.host_namespace);
  field("move_own", part.move_own);
  field("limits", part.limits);
}

template <typename Part>
Json PartToJson(const Part& part) {
  Writer writer;
  Fields(writer, part, &part);
  return writer.Take();
}

template <typename Part>
Json PartsToJson(const std::vector<Part>& parts) {
  Json array = Json::array();
  for (const Part& part : parts) array.push_back(PartToJson(part));
  return array;
}

template <typename Part>
Result<Part> ParsePart(const Json& json, std::string_view where) {
  Part part;
  Reader reader(json, where);
  Fields(reader, part, &part);
  TRY(reader.Take());
  return part;
}

template <typename Part>
Result<std::vector<Part>> PartsMember(const Json& object, const char* name, std::string_view where) {
  std::vector<Part> parts;
  const Json* array = TRY(ArrayMember(object, name, where));
  if (array == nullptr) return parts;
  const std::string inside = Inside(where, name);
  for (const Json& entry : *array) {
    if (!entry.is_object()) return Fail(Code::kInvalid, inside + ": not an array of objects");
    parts.push_back(TRY(ParsePart<Part>(entry, inside)));
  }
  return parts;
}

template <typename Part>
Result<std::optional<Part>> PartMember(const Json& object, const char* name, std::string_view where) {
  const Json* json = TRY(ObjectMember(object, name, where));
  if (json == nullptr) return std::optional<Part>();
  return std::optional<Part>(TRY(ParsePart<Part>(*json, Inside(where, name))));
}

// What is zero is left out: most containers ask for little.
Json WithoutZeros(Json json) {
  std::erase_if(json.get_ref<Json::object_t&>(), [](const auto& member) {
    const Json& value = member.second;
    return value == "" || value == 0 || value == false || value.empty();
  });
  return json;
}

void Writer::operator()(const char* name, const ResourceLimits& value) {
  json_[name] = WithoutZeros(PartToJson(value));
}
void Reader::operator()(const char* name, ResourceLimits& value) {
  std::optional<ResourceLimits> limits;
  Keep(PartMember<ResourceLimits>(json_, name, where_), limits);
  if (limits) value = *std::move(limits);
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

Json ToJson(const LogConfig& config) {
  return PartToJson(config);
}
Json ToJson(const HealthConfig& config) {
  return PartToJson(config);
}
Json ToJson(const HealthState& state) {
  return PartToJson(state);
}
Json ToJson(const std::vector<VolumeUse>& volumes) {
  return PartsToJson(volumes);
}
Json ToJson(const std::vector<ImageUse>& images) {
  return PartsToJson(images);
}
Json ToJson(const std::vector<SecretUse>& secrets) {
  return PartsToJson(secrets);
}
Json ToJson(const CgroupConfig& config) {
  return WithoutZeros(PartToJson(config));
}

Result<LogConfig> LogMember(const Json& object, const char* name, std::string_view where) {
  return TRY(PartMember<LogConfig>(object, name, where)).value_or(LogConfig());
}
Result<std::optional<HealthConfig>> HealthMember(const Json& object, const char* name,
                                                 std::string_view where) {
  return PartMember<HealthConfig>(object, name, where);
}
Result<std::optional<HealthState>> HealthStateMember(const Json& object, const char* name,
                                                     std::string_view where) {
  return PartMember<HealthState>(object, name, where);
}
Result<std::vector<VolumeUse>> VolumesMember(const Json& object, const char* name, std::string_view where) {
  return PartsMember<VolumeUse>(object, name, where);
}
Result<std::vector<ImageUse>> ImagesMember(const Json& object, const char* name, std::string_view where) {
  return PartsMember<ImageUse>(object, name, where);
}
Result<std::vector<SecretUse>> SecretsMember(const Json& object, const char* name, std::string_view where) {
  return PartsMember<SecretUse>(object, name, where);
}
Result<CgroupConfig> CgroupMember(const Json& object, const char* name, std::string_view where) {
  return TRY(PartMember<CgroupConfig>(object, name, where)).value_or(CgroupConfig());
}

}  // namespace wolffia
