// PublicKey: a key of a sigstore signature, from a PEM file (SubjectPublicKeyInfo, as `cosign
// generate-key-pair` and `openssl pkey -pubout` write it): ECDSA on P-256 or P-384, or ed25519. Others are
// refused by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

class PublicKey {
 public:
  static Result<PublicKey> FromPem(std::string_view pem);

  // ECDSA: an ASN.1 signature of the payload's SHA-256 (with P-384 also SHA-384, as newer signers do);
  // ed25519: of the payload itself.
  bool Verifies(std::string_view payload, std::string_view signature) const;
  // "SHA256:<64 hex>", of the DER form of the key.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  PublicKey() = default;
  std::shared_ptr<void> key_;  // EVP_PKEY
  std::string fingerprint_;
};

}  // namespace wolffia
