// JSON from outside: parsed with limits on size, depth and number of values; duplicate keys and NUL
// characters in strings are refused. Only .cc files include this one (nlohmann/json is heavy).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

using Json = nlohmann::json;

struct JsonLimits {
  size_t bytes = 4 << 20;
  int depth = 64;
  size_t values = 1 << 17;  // bounds memory: four megabytes of "[]," would be a hundred in memory
};

// Never throws. kInvalid says where (byte position or key) and why.
Result<Json> ParseJson(std::string_view text, JsonLimits limits = {});

// Typed access that never throws: the member, or an empty value where it is missing or null; kInvalid
// ("config.Env: not an array of strings") where it has another type. `where` is the path of `object` for the
// message.
Result<std::string> StringMember(const Json& object, const char* name, std::string_view where);
Result<int64_t> IntMember(const Json& object, const char* name, std::string_view where);
Result<uint64_t> UintMember(const Json& object, const char* name, std::string_view where, uint64_t max);
Result<bool> BoolMember(const Json& object, const char* name, std::string_view where);
Result<std::vector<std::string>> StringsMember(const Json& object, const char* name, std::string_view where);
Result<std::map<std::string, std::string>> StringMapMember(const Json& object, const char* name,
                                                           std::string_view where);
// The member object or array itself; null where it is missing.
Result<const Json*> ObjectMember(const Json& object, const char* name, std::string_view where);
Result<const Json*> ArrayMember(const Json& object, const char* name, std::string_view where);

// Never throws: bytes that are not UTF-8, which JSON cannot hold, become U+FFFD.
std::string DumpJson(const Json& document);

}  // namespace wolffia
