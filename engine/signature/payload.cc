#include "engine/signature/payload.h"

#include "engine/oci/json.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr struct {
  IdentityRule rule;
  std::string_view name;
} kRules[] = {{IdentityRule::kRepoDigestOrExact, "matchRepoDigestOrExact"},
              {IdentityRule::kExact, "matchExact"},
              {IdentityRule::kRepository, "matchRepository"}};

// An object with exactly these members: what is critical and unknown may take back what is known.
Result<const Json*> Exactly(const Json& parent, const char* name,
                            std::initializer_list<const char*> members) {
  const Json* object = &parent;
  if (*name != 0) object = TRY(ObjectMember(parent, name, "payload"));
  if (object == nullptr || !object->is_object())
    return Fail(Code::kInvalid, "its payload has no object \"" + std::string(name) + "\"");
  for (const char* member : members)
    if (!object->contains(member))
      return Fail(Code::kInvalid, "its payload has no \"" + std::string(member) + "\"");
  if (object->size() != members.size())
    return Fail(Code::kInvalid, "its payload has unknown members" +
                                    (*name != 0 ? " in \"" + std::string(name) + "\"" : std::string()));
  return object;
}

bool IsNameOnly(const Reference& reference) {
  return reference.tag.empty() && !reference.digest;
}

}  // namespace

Result<SignedClaim> ParseClaim(std::string_view payload, std::string_view type) {
  if (payload.size() > kMaxPayloadBytes)
    return Fail(Code::kInvalid, "its payload has more than " + std::to_string(kMaxPayloadBytes) + " bytes");
  const Json document =
      TRY_WITH(ParseJson(payload, {.bytes = kMaxPayloadBytes, .depth = 16, .values = 2000}), "its payload");
  if (!document.is_object()) return Fail(Code::kInvalid, "its payload is no object");
  const bool has_optional = document.contains("optional");
  TRY(has_optional ? Exactly(document, "", {"critical", "optional"}) : Exactly(document, "", {"critical"}));
  TRY(ObjectMember(document, "optional", "payload"));  // an object or null
  const Json* critical = TRY(Exactly(document, "critical", {"identity", "image", "type"}));
  const Json* identity = TRY(Exactly(*critical, "identity", {"docker-reference"}));
  const Json* image = TRY(Exactly(*critical, "image", {"docker-manifest-digest"}));
  SignedClaim claim;
  claim.type = TRY(StringMember(*critical, "type", "payload"));
  claim.reference = TRY(StringMember(*identity, "docker-reference", "payload"));
  const std::string digest = TRY(StringMember(*image, "docker-manifest-digest", "payload"));
  claim.digest = TRY_WITH(Digest::Parse(digest), "its payload");
  if (claim.type != type)
    return Fail(Code::kInvalid,
                "its type is " + Quote(claim.type) + " instead of " + Quote(std::string(type)));
  return claim;
}

std::string_view IdentityRuleName(IdentityRule rule) {
  for (const auto& entry : kRules)
    if (entry.rule == rule) return entry.name;
  return "";
}

Result<IdentityRule> ParseIdentityRule(std::string_view name) {
  for (const auto& entry : kRules)
    if (entry.name == name) return entry.rule;
  return Fail(Code::kInvalid, Quote(std::string(name)) +
                                  " is not one of matchRepoDigestOrExact, matchExact, matchRepository");
}

Result<> CheckIdentity(IdentityRule rule, const Reference& asked, const std::string& claimed) {
  auto parsed = Reference::Parse(claimed);
  auto differs = [&](const std::string& why) {
    return Fail(Code::kInvalid, "it is for " + Quote(claimed) + ", not for " + Quote(asked.str()) + why);
  };
  if (!parsed || parsed->IsShort()) return differs(": that is no full name of an image");
  if (parsed->Name() != asked.Name()) return differs("");
  if (rule == IdentityRule::kRepository) return {};
  if (rule == IdentityRule::kRepoDigestOrExact && asked.digest) return {};
  if (IsNameOnly(*parsed))
    return differs(
        " with its tag: cosign writes it so; identity = \"matchRepository\" accepts any tag of the "
        "repository");
  if (parsed->tag != asked.tag || parsed->digest != asked.digest) return differs("");
  return {};
}

}  // namespace wolffia
