// Verification: do these signatures satisfy these rules for this image? Reads the rules' key files and runs
// gpgv; asks no network, no clock but gpgv's, and no transparency log.
#pragma once

#include <string>
#include <vector>

#include "engine/signature/policies.h"
#include "engine/signature/signature_set.h"

namespace wolffia {

struct ImageToVerify {
  Reference name;          // asked for, in full, with tag or digest
  Digest manifest, index;  // a signature may be for either; no index: empty
};

// The keys whose signatures satisfied the rules, as "sigstore SHA256:.." and "gpg FINGERPRINT", each once.
// kInvalid names the rule, what it wants, and what was found. Rules that do not want signatures are not
// looked at.
Result<std::vector<std::string>> VerifySignatures(const std::vector<const PolicyRule*>& rules,
                                                  const ImageToVerify& image,
                                                  const std::vector<FoundSignature>& signatures);

}  // namespace wolffia
