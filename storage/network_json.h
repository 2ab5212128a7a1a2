// A container's network as JSON: in its record, and in network.json. Private to storage's .cc files (heavy).
#pragma once

#include "engine/oci/json.h"
#include "network/parts.h"

namespace wolffia {

Json ToJson(const NetworkConfig& config);
// `mode`: of a record that an older version wrote, which has no such member.
Result<NetworkConfig> NetworkConfigMember(const Json& object, const char* name, const std::string& mode,
                                          std::string_view where);

std::string SerializeNetwork(const NetworkState& state);
Result<NetworkState> ParseNetwork(std::string_view json, std::string_view where);

}  // namespace wolffia
