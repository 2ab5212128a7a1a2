// What the records of images and containers have in common as JSON. Private to storage's .cc files (heavy).
#pragma once

#include <string>
#include <vector>

#include "engine/oci/digest.h"
#include "engine/oci/json.h"
#include "engine/oci/manifest.h"

namespace wolffia {

// An empty digest where the member is missing or empty.
Result<Digest> DigestMember(const Json& object, const char* name, std::string_view where);
Result<std::vector<Digest>> DigestsMember(const Json& object, const char* name, std::string_view where);
Result<Platform> PlatformMember(const Json& object, const char* name, std::string_view where);
// The document, which must be an object.
Result<Json> ParseRecord(std::string_view text, std::string_view where);

Json ToJson(const std::vector<Digest>& digests);
Json ToJson(const Platform& platform);
std::string DigestText(const Digest& digest);  // "" for an empty one
// Bytes that are not UTF-8 are shown as U+FFFD, never refused.
std::string DumpRecord(const Json& record);

}  // namespace wolffia
