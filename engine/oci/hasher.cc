#include "engine/oci/hasher.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <utility>

namespace wolffia {
namespace {

EVP_MD_CTX* Ctx(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

// EVP fails here only without memory or without any SHA-256 (a broken provider configuration). Going on would
// name content wrongly.
void Check(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) std::abort();
  Check(EVP_DigestInit_ex(Ctx(context_), EVP_sha256(), nullptr));
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(Ctx(context_));
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::Update(const void* data, size_t size) {
  Check(EVP_DigestUpdate(Ctx(context_), data, size));
}

Digest Sha256::Finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  Check(EVP_DigestFinal_ex(Ctx(context_), raw, &length));
  std::string hex;
  hex.reserve(size_t{2} * length);
  for (unsigned i = 0; i < length; i++) {
    hex += "0123456789abcdef"[raw[i] >> 4];
    hex += "0123456789abcdef"[raw[i] & 15];
  }
  return Digest::OfHex(hex).value_or(Digest());
}

Digest Sha256Of(std::string_view data) {
  Sha256 hash;
  hash.Update(data.data(), data.size());
  return hash.Finish();
}

Digest ChainId(const Digest& parent, const Digest& diff_id) {
  return parent.empty() ? diff_id : Sha256Of(parent.str() + " " + diff_id.str());
}

}  // namespace wolffia
