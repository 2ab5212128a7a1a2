// Sha256: streaming hash (OpenSSL EVP). In a library of its own, wolffia_hash: only programs that fetch or
// verify pay for loading libcrypto.
#pragma once

#include <memory>
#include <string_view>

#include "engine/oci/digest.h"

namespace wolffia {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(const void* data, size_t size);
  Digest Finish();  // once

 private:
  void* context_;  // EVP_MD_CTX
};

Digest Sha256Of(std::string_view data);
// The chain-id of a layer on top of `parent` (empty for the first): OCI image spec, config.md, "Layer
// ChainID".
Digest ChainId(const Digest& parent, const Digest& diff_id);

}  // namespace wolffia
