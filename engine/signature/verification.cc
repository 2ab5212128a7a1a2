#include "engine/signature/verification.h"

#include <algorithm>

#include "engine/base/file.h"
#include "engine/oci/quote.h"
#include "engine/signature/gpg_keyring.h"
#include "engine/signature/gpg_message.h"
#include "engine/signature/public_key.h"

namespace wolffia {
namespace {

constexpr size_t kMaxKeyFile = 1 << 20;
constexpr size_t kMaxReasons = 4;

// The keys of one requirement.
struct Keys {
  std::vector<PublicKey> sigstore;
  std::string gpg;  // a keyring
};

Result<Keys> LoadKeys(const SignatureRequirement& required) {
  Keys keys;
  for (const std::string& path : required.keys) {
    const std::string file = TRY_WITH(ReadFile(path, kMaxKeyFile), "key");
    if (required.kind == SignatureKind::kGpg)
      keys.gpg += TRY_WITH(ReadPublicKeys(file), "key " + path);
    else
      keys.sigstore.push_back(TRY_WITH(PublicKey::FromPem(file), "key " + path));
  }
  return keys;
}

Result<> CheckClaim(const SignedClaim& claim, IdentityRule identity, const ImageToVerify& image) {
  if (claim.digest != image.manifest && claim.digest != image.index)
    return Fail(Code::kInvalid, "it is for other content, " + claim.digest.str());
  return CheckIdentity(identity, image.name, claim.reference);
}

// The key that made a good signature.
Result<std::string> VerifyOne(const SignatureRequirement& required, const Keys& keys,
                              const ImageToVerify& image, const FoundSignature& found) {
  if (!found.fault.empty()) return Fail(Code::kInvalid, found.fault);
  if (found.kind == SignatureKind::kGpg) {
    GpgMessage message = TRY(OpenGpgMessage(keys.gpg, found.bytes));
    TRY(CheckClaim(TRY(ParseClaim(message.payload, kGpgType)), required.identity, image));
    return "gpg " + message.fingerprint;
  }
  for (const PublicKey& key : keys.sigstore) {
    if (!key.Verifies(found.payload, found.bytes)) continue;
    TRY(CheckClaim(TRY(ParseClaim(found.payload, kSigstoreType)), required.identity, image));
    return "sigstore " + key.fingerprint();
  }
  return Fail(Code::kInvalid, "it was made by none of the rule's keys");
}

std::string Wanted(const SignatureRequirement& required) {
  std::string wanted = std::string(KindName(required.kind)) + " signature by a key of ";
  for (size_t i = 0; i < required.keys.size(); ++i) wanted += (i > 0 ? ", " : "") + required.keys[i];
  return wanted;
}

Result<std::string> VerifyRequirement(const SignatureRequirement& required, const ImageToVerify& image,
                                      const std::vector<FoundSignature>& signatures) {
  const Keys keys = TRY(LoadKeys(required));
  std::string reasons;
  size_t count = 0;
  for (const FoundSignature& found : signatures) {
    if (found.kind != required.kind) continue;
    auto key = VerifyOne(required, keys, image, found);
    if (key) return key;
    // No verdict about this signature but about this host: no other one will do better.
    if (key.error().code != Code::kInvalid) return key;
    if (count++ < kMaxReasons) reasons += "; " + Printable(found.place, 200) + ": " + key.error().what;
  }
  if (count == 0) return Fail(Code::kInvalid, "none was found");
  if (count > kMaxReasons) reasons += "; and " + std::to_string(count - kMaxReasons) + " more";
  return Fail(Code::kInvalid, "found " + std::to_string(count) + (count == 1 ? " that is" : " that are") +
                                  " not good" + reasons);
}

}  // namespace

Result<std::vector<std::string>> VerifySignatures(const std::vector<const PolicyRule*>& rules,
                                                  const ImageToVerify& image,
                                                  const std::vector<FoundSignature>& signatures) {
  std::vector<std::string> used;
  for (const PolicyRule* rule : rules)
    for (const SignatureRequirement& required : rule->required) {
      auto key = VerifyRequirement(required, image, signatures);
      if (!key)  // never kNotFound or kDenied, which would send a pull to the next registry of its search
                 // list
        return Fail(
            key.error().code == Code::kUnsupported ? Code::kUnsupported : Code::kInvalid,
            "signature policy: " + rule->str() + " wants a " + Wanted(required) + ": " + key.error().what);
      if (std::ranges::find(used, *key) == used.end()) used.push_back(*std::move(key));
    }
  return used;
}

}  // namespace wolffia
