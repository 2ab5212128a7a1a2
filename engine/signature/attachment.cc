#include "engine/signature/attachment.h"

#include "engine/base/base64.h"
#include "engine/oci/json.h"
#include "engine/signature/signature_set.h"

namespace wolffia {
namespace {

constexpr std::string_view kSimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr std::string_view kArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
constexpr const char* kAnnotation = "dev.cosignproject.cosign/signature";

Result<Json> ParseDocument(std::string_view text) {
  Json document = TRY(ParseJson(text, {.bytes = kMaxManifestBytes}));
  if (!document.is_object()) return Fail(Code::kInvalid, "not an object");
  return document;
}

Result<Descriptor> ParseDigestAndSize(const Json& json, const std::string& where) {
  Descriptor out;
  out.digest = TRY_WITH(Digest::Parse(TRY(StringMember(json, "digest", where))), where + ".digest");
  out.size = TRY(IntMember(json, "size", where));
  if (out.size < 0) return Fail(Code::kInvalid, where + ".size: negative");
  return out;
}

Result<> CheckCount(size_t count) {
  if (count <= kMaxSignatures) return {};
  return Fail(Code::kInvalid, "there are more than " + std::to_string(kMaxSignatures) + " signatures");
}

Result<> CheckSubject(const Json& document, const Digest& expected) {
  const Json* subject = TRY(ObjectMember(document, "subject", ""));
  const std::string digest = subject == nullptr ? "" : TRY(StringMember(*subject, "digest", "subject"));
  if (digest == expected.str()) return {};
  return Fail(Code::kInvalid, "it is attached to something else");
}

}  // namespace

Result<std::vector<AttachedSignature>> ParseAttachment(std::string_view manifest,
                                                       const std::optional<Digest>& subject) {
  const Json document = TRY(ParseDocument(manifest));
  if (subject) TRY(CheckSubject(document, *subject));
  const Json* layers = TRY(ArrayMember(document, "layers", ""));
  std::vector<AttachedSignature> found;
  if (layers == nullptr) return found;
  for (const Json& layer : *layers) {
    if (!layer.is_object()) return Fail(Code::kInvalid, "layers: not objects");
    if (TRY(StringMember(layer, "mediaType", "layers")) != kSimpleSigning) continue;
    TRY(CheckCount(found.size() + 1));
    const auto annotations = TRY(StringMapMember(layer, "annotations", "layers"));
    AttachedSignature signature;
    signature.payload = TRY(ParseDigestAndSize(layer, "layers"));
    if (auto text = annotations.find(kAnnotation); text != annotations.end())
      signature.signature = FromBase64(text->second).value_or("");
    found.push_back(std::move(signature));
  }
  return found;
}

Result<std::vector<Descriptor>> ParseReferrers(std::string_view index) {
  const Json document = TRY(ParseDocument(index));
  const Json* entries = TRY(ArrayMember(document, "manifests", ""));
  std::vector<Descriptor> found;
  if (entries == nullptr) return found;
  for (const Json& entry : *entries) {
    if (!entry.is_object()) return Fail(Code::kInvalid, "manifests: not objects");
    if (TRY(StringMember(entry, "artifactType", "manifests")) != kArtifact) continue;
    TRY(CheckCount(found.size() + 1));
    found.push_back(TRY(ParseDigestAndSize(entry, "manifests")));
  }
  return found;
}

std::string AttachmentTag(const Digest& digest) {
  return "sha256-" + digest.hex();
}

}  // namespace wolffia
