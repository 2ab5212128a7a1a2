#include "engine/signature/signature_set.h"

#include "engine/base/base64.h"
#include "engine/oci/json.h"

namespace wolffia {
namespace {

Result<std::string> BytesMember(const Json& object, const char* name) {
  auto bytes = FromBase64(TRY(StringMember(object, name, "signature")));
  if (!bytes) return Fail(Code::kInvalid, "signature." + std::string(name) + ": no base64");
  return *std::move(bytes);
}

}  // namespace

std::string SerializeSignatures(const std::vector<FoundSignature>& signatures) {
  Json list = Json::array();
  for (const FoundSignature& signature : signatures) {
    if (!signature.fault.empty()) continue;
    list.push_back({{"type", std::string(KindName(signature.kind))},
                    {"place", signature.place},
                    {"payload", Base64(signature.payload)},
                    {"bytes", Base64(signature.bytes)}});
  }
  return DumpJson({{"signatures", std::move(list)}});
}

Result<std::vector<FoundSignature>> ParseSignatures(std::string_view document) {
  const Json json = TRY_WITH(ParseJson(document, {.bytes = 16 << 20}), "signatures");
  if (!json.is_object()) return Fail(Code::kInvalid, "signatures: not an object");
  const Json* list = TRY(ArrayMember(json, "signatures", "signatures"));
  if (list == nullptr) return Fail(Code::kInvalid, "signatures: none");
  std::vector<FoundSignature> signatures;
  for (const Json& item : *list) {
    if (!item.is_object() || signatures.size() == kMaxSignatures)
      return Fail(Code::kInvalid, "signatures: not a list of at most " + std::to_string(kMaxSignatures));
    FoundSignature signature;
    const std::string type = TRY(StringMember(item, "type", "signature"));
    if (type != "sigstore" && type != "gpg") return Fail(Code::kInvalid, "signature.type: unknown");
    signature.kind = type == "gpg" ? SignatureKind::kGpg : SignatureKind::kSigstore;
    signature.place = TRY(StringMember(item, "place", "signature"));
    signature.payload = TRY(BytesMember(item, "payload"));
    signature.bytes = TRY(BytesMember(item, "bytes"));
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

}  // namespace wolffia
