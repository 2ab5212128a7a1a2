// FoundSignature: a signature that came with an image, unverified; and the set of them as one document of the
// store, so that an image can be verified again without a network (wolffia images --verify). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/signature/policy.h"

namespace wolffia {

// More than any image has; fewer than could keep a verifier busy.
inline constexpr size_t kMaxSignatures = 64;
inline constexpr size_t kMaxSignatureBytes = 64 << 10;

struct FoundSignature {
  SignatureKind kind = SignatureKind::kSigstore;
  std::string place;    // where it was found, for messages
  std::string payload;  // kSigstore: the signed bytes; empty for kGpg, whose message holds its payload
  std::string bytes;    // the signature, or the OpenPGP message
  std::string fault;    // why there is nothing to verify (too large, malformed); such a one is not kept
  bool operator==(const FoundSignature&) const = default;
};

std::string SerializeSignatures(const std::vector<FoundSignature>& signatures);
Result<std::vector<FoundSignature>> ParseSignatures(std::string_view document);

}  // namespace wolffia
