// SignedClaim: what a signature of an image says, in the "simple signing" form that GPG signatures of
// containers and cosign share (containers-signature(5), and cosign's specification of signatures):
//
//   {"critical": {"identity": {"docker-reference": "registry/name:tag"},
//                 "image": {"docker-manifest-digest": "sha256:.."},
//                 "type": "atomic container signature"},
//    "optional": {..} or null}
//
// Whoever writes it may be anyone until the signature has been verified, and is somebody else's friend
// afterwards: strict.
#pragma once

#include <string>
#include <string_view>

#include "engine/oci/reference.h"

namespace wolffia {

inline constexpr size_t kMaxPayloadBytes = 32 << 10;

struct SignedClaim {
  std::string type;
  Digest digest;          // of a manifest or an index
  std::string reference;  // as the signer named the image
  bool operator==(const SignedClaim&) const = default;
};

inline constexpr std::string_view kGpgType = "atomic container signature";
inline constexpr std::string_view kSigstoreType = "cosign container image signature";

// kInvalid for anything but exactly that: longer than kMaxPayloadBytes, repeated or unknown keys where they
// are critical, another type, bytes after the end.
Result<SignedClaim> ParseClaim(std::string_view payload, std::string_view type);

// How the name in a signature must fit the name that was asked for; containers-policy.json(5),
// "signedIdentity".
enum class IdentityRule {
  kRepoDigestOrExact,  // the same name and tag; the same repository where a digest was asked for
  kExact,              // the same name, tag and digest
  kRepository,         // the same repository
};
std::string_view IdentityRuleName(IdentityRule rule);  // "matchRepoDigestOrExact", ...
Result<IdentityRule> ParseIdentityRule(std::string_view name);

// kInvalid says what does not fit. `asked` in full, with tag or digest.
Result<> CheckIdentity(IdentityRule rule, const Reference& asked, const std::string& claimed);

}  // namespace wolffia
