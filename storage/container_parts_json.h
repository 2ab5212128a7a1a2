// The parts of a container's record as JSON. Private to storage's .cc files (heavy).
#pragma once

#include <optional>

#include "engine/cgroup/resource_limits.h"
#include "engine/oci/json.h"
#include "storage/container_parts.h"

namespace wolffia {

Result<int> SmallIntMember(const Json& object, const char* name, std::string_view where);  // from 0
Result<int> AnyIntMember(const Json& object, const char* name, std::string_view where);

Json ToJson(const LogConfig& config);
Json ToJson(const HealthConfig& config);
Json ToJson(const HealthState& state);
Json ToJson(const std::vector<VolumeUse>& volumes);
Json ToJson(const std::vector<ImageUse>& images);
Json ToJson(const std::vector<SecretUse>& secrets);
Json ToJson(const CgroupConfig& config);

// Defaults, or nothing, where the member is missing.
Result<LogConfig> LogMember(const Json& object, const char* name, std::string_view where);
Result<std::optional<HealthConfig>> HealthMember(const Json& object, const char* name,
                                                 std::string_view where);
Result<std::optional<HealthState>> HealthStateMember(const Json& object, const char* name,
                                                     std::string_view where);
Result<std::vector<VolumeUse>> VolumesMember(const Json& object, const char* name, std::string_view where);
Result<std::vector<ImageUse>> ImagesMember(const Json& object, const char* name, std::string_view where);
Result<std::vector<SecretUse>> SecretsMember(const Json& object, const char* name, std::string_view where);
Result<CgroupConfig> CgroupMember(const Json& object, const char* name, std::string_view where);

}  // namespace wolffia
