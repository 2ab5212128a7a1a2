#include "engine/signature/public_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "engine/oci/hasher.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr size_t kMaxSignature = 512;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using HashContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool VerifyWith(EVP_PKEY* key, const EVP_MD* hash, std::string_view payload, std::string_view signature) {
  HashContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool good = context && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(payload),
                                     payload.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string CurveOf(EVP_PKEY* key) {
  char name[64] = "";
  size_t length = 0;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &length) != 1) return "unknown";
  return name;
}

Result<> CheckType(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return {};
  const char* type = EVP_PKEY_get0_type_name(key);
  std::string what = type != nullptr ? type : "unknown";
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    const std::string curve = CurveOf(key);
    if (curve == "prime256v1" || curve == "secp384r1") return {};
    what = "EC " + curve;
  }
  return Fail(Code::kUnsupported,
              "a key of type " + Printable(what) + ": ECDSA on P-256 or P-384 and ed25519 are supported");
}

}  // namespace

Result<PublicKey> PublicKey::FromPem(std::string_view pem) {
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos)
    return Fail(Code::kInvalid, "it holds a private key: only the public one belongs here");
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  EVP_PKEY* read = bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr;
  ERR_clear_error();
  if (read == nullptr) return Fail(Code::kInvalid, "it holds no public key (\"-----BEGIN PUBLIC KEY-----\")");
  PublicKey key;
  key.key_ = std::shared_ptr<void>(read, [](void* old) { EVP_PKEY_free(static_cast<EVP_PKEY*>(old)); });
  TRY(CheckType(read));
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(read, &der);
  if (size <= 0) return Fail(Code::kInvalid, "its key cannot be written as DER");
  key.fingerprint_ =
      "SHA256:" + Sha256Of({reinterpret_cast<const char*>(der), static_cast<size_t>(size)}).hex();
  OPENSSL_free(der);
  return key;
}

bool PublicKey::Verifies(std::string_view payload, std::string_view signature) const {
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  if (signature.empty() || signature.size() > kMaxSignature) return false;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return VerifyWith(key, nullptr, payload, signature);
  if (VerifyWith(key, EVP_sha256(), payload, signature)) return true;
  return CurveOf(key) == "secp384r1" && VerifyWith(key, EVP_sha384(), payload, signature);
}

}  // namespace wolffia
