// SignatureSource: where the signatures of an image in a registry are: beside it in the same repository of
// the same registry (sigstore), and in the lookaside folder or server that a rule names (gpg). Nothing else
// is asked.
#pragma once

#include <vector>

#include "engine/registry/registry_client.h"
#include "engine/signature/signature_set.h"
#include "engine/signature/verification.h"

namespace wolffia {

struct SignatureSource {
  const Context& context;
  RegistryClient& registry;
  const Cancel& cancel;
};

// What the rules want to see, unverified, at most kMaxSignatures (kInvalid). What is malformed or too large
// is in the list with its fault. An error otherwise is one of the network.
Result<std::vector<FoundSignature>> FindSignatures(const SignatureSource& source,
                                                   const std::vector<const PolicyRule*>& rules,
                                                   const ImageToVerify& image);

}  // namespace wolffia
