#include "storage/record_json.h"

namespace wolffia {

Result<Digest> DigestMember(const Json& object, const char* name, std::string_view where) {
  std::string text = TRY(StringMember(object, name, where));
  if (text.empty()) return Digest();
  return Digest::Parse(text).With(std::string(where) + "." + name);
}

Result<std::vector<Digest>> DigestsMember(const Json& object, const char* name, std::string_view where) {
  std::vector<Digest> digests;
  for (const std::string& text : TRY(StringsMember(object, name, where)))
    digests.push_back(TRY_WITH(Digest::Parse(text), std::string(where) + "." + name));
  if (digests.size() > kMaxLayers)
    return Fail(Code::kInvalid,
                std::string(where) + "." + name + ": more than " + std::to_string(kMaxLayers) + " layers");
  return digests;
}

Result<Platform> PlatformMember(const Json& object, const char* name, std::string_view where) {
  const Json* member = TRY(ObjectMember(object, name, where));
  Platform platform;
  if (member == nullptr) return platform;
  std::string inner = std::string(where) + "." + name;
  platform.os = TRY(StringMember(*member, "os", inner));
  platform.architecture = TRY(StringMember(*member, "architecture", inner));
  platform.variant = TRY(StringMember(*member, "variant", inner));
  return platform;
}

Result<Json> ParseRecord(std::string_view text, std::string_view where) {
  Json record = TRY_WITH(ParseJson(text, {.bytes = 16 << 20, .depth = 8}), where);
  if (!record.is_object()) return Fail(Code::kInvalid, std::string(where) + ": not a JSON object");
  return record;
}

Json ToJson(const std::vector<Digest>& digests) {
  Json array = Json::array();
  for (const Digest& digest : digests) array.push_back(digest.str());
  return array;
}

Json ToJson(const Platform& platform) {
  return {{"os", platform.os}, {"architecture", platform.architecture}, {"variant", platform.variant}};
}

std::string DigestText(const Digest& digest) {
  return digest.empty() ? std::string() : digest.str();
}

std::string DumpRecord(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace wolffia
