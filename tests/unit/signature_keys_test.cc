// Keys of sigstore and OpenPGP signatures, and what gpgv's answers mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/base64.h"
#include "engine/signature/gpg_keyring.h"
#include "engine/signature/gpg_message.h"
#include "engine/signature/public_key.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

// Made by openssl(1), with signatures of kPayload; the private keys are gone.
constexpr const char* kPayload = "hello payload";
constexpr const char* kP256 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOu955hYwypX2DHOcq3ywlWCPztVG\n"
    "cd/vZjT9PcsgPqFsNzSmeLUeFJ6r1epXweMzHlTpdLCwLRinajibz+DV7Q==\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kP384 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEdSuoqla9H+IeCPls0f0dXyFJf9nk+EJj\n"
    "mn/7j1lFjfH1oWJMHVho3OOywzBy4SwyfFSGxrVBfRDpqiP1sw92uLrNQrsmU4+D\n"
    "tPnTT0ETo59ga+W6XobOEj/6bL0KwscC\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kP521 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAodRaNpqmtw5qwCmDnX6D84HIwXK4\n"
    "gFcGPY1zjtx0Q51Jl2OLFLEBsQB3RZ6WYXmXEIQE6e3antckjI5l1bXLnaAANHZq\n"
    "mK+XOStwOg74WThDNomGdvvy5uM/DkIognOFUuEI5eBklPxZnni4/3yLXKqNUdCY\n"
    "lNNTtvU1rBTn1UZRmHY=\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kEd25519 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEACeE/ktlO5fNdkO6BRRqn1ueDFSgt1kvawzcfWVgM0O8=\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kRsa =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3rWmQ4siKz6D4x319shi\n"
    "ZVUCoNdbLlxQLdt5JMB3ZR5gSLpZ1m6FXdLkA6QwLxMznyC/P5k1oZC8/FF/jXZB\n"
    "uEuC7w/qOBQGl2Ii5LLpkBG73bnbjV8eS9e8CzbWmDq4mWwtTx0ZtJG+siOT84RH\n"
    "xsuN0ORvAVc1eRaPtDYcAnopyVficvg9x25PPiuGMM7eJ8LhzyssuMuxb3nbelgL\n"
    "sECINRfmMAAJNYWnA7bDDaB4mUyV/tR6OvWGYFHKfaGWc28cVemsrJovRyp/YpuC\n"
    "b437OUMyGCy9FbSqPmZiZBe2hrvxk+4xcEGvqVudckpYliT5JTyjFPXyKjRYgOpm\n"
    "EwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kP256Signature =
    "MEQCIGNfi+vartEIDJ8wsVufzkPUs7xmuQ3Xa+bf4cTYHEVtAiBh7KdUKiduM6oPnxMMo4Ev/71GGDpQwGBsj0gzJi"
    "vBuQ==";
constexpr const char* kP384Sha256 =
    "MGUCMQDbJeBIi+K4W0l4lvZkFnzCBF2oPULb0ZgLQoSlnCYzPFjw0Xn0cGMxK/AyT77JQ2gCMFd4O+B3TL1CFG0J2J"
    "eQoDCC9s/W0CXOgoBoonKPko8phJ4sKe8UEaoVQauCVxAp6w==";
constexpr const char* kP384Sha384 =
    "MGYCMQCwULVgdV2ShVMxt4SxQ+dUCnpz27CGeIMh+A9wriOUOf/mep+/b1d4N6rdvYg+mjoCMQC+OlfwOXqyCqbdWW"
    "VepAdK5ou1ceb2przp286xIhBMXRWo25yFxi94uj6GlFM5/ko=";
constexpr const char* kEd25519Signature =
    "LvS8yA/OkeMD5zanSapNQheqQllm+0d5xvqTgag01Z/wfNSO6PPBh6ulE3GtBnBOicY0a/TcrUDgGxP2bPddDw==";

std::string Bytes(const char* base64) {
  return FromBase64(base64).value_or("");
}

PublicKey Key(const char* pem) {
  auto key = PublicKey::FromPem(pem);
  EXPECT_TRUE(key) << key.error().what;
  return *std::move(key);
}

TEST(PublicKey, VerifiesWhatItsOwnerSigned) {
  EXPECT_TRUE(Key(kP256).Verifies(kPayload, Bytes(kP256Signature)));
  EXPECT_TRUE(Key(kP384).Verifies(kPayload, Bytes(kP384Sha256)));
  EXPECT_TRUE(Key(kP384).Verifies(kPayload, Bytes(kP384Sha384)));
  EXPECT_TRUE(Key(kEd25519).Verifies(kPayload, Bytes(kEd25519Signature)));
  EXPECT_TRUE(Key(kP256).fingerprint().starts_with("SHA256:"));
  EXPECT_NE(Key(kP256).fingerprint(), Key(kP384).fingerprint());
}

TEST(PublicKey, RefusesEverythingElse) {
  EXPECT_FALSE(Key(kP256).Verifies("hello payload ", Bytes(kP256Signature)));
  EXPECT_FALSE(Key(kP256).Verifies("", Bytes(kP256Signature)));
  EXPECT_FALSE(Key(kP384).Verifies(kPayload, Bytes(kP256Signature)));
  EXPECT_FALSE(Key(kEd25519).Verifies(kPayload, Bytes(kP256Signature)));
  EXPECT_FALSE(Key(kP256).Verifies(kPayload, ""));
  EXPECT_FALSE(Key(kP256).Verifies(kPayload, "0"));
  EXPECT_FALSE(Key(kP256).Verifies(kPayload, std::string(100'000, '0')));
  std::string trailing = Bytes(kP256Signature) + "x";
  EXPECT_FALSE(Key(kP256).Verifies(kPayload, trailing));
  for (size_t i = 0; i < Bytes(kEd25519Signature).size(); ++i) {
    std::string changed = Bytes(kEd25519Signature);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(Key(kEd25519).Verifies(kPayload, changed)) << i;
  }
}

TEST(PublicKey, NamesTheKeysThatItDoesNotTake) {
  EXPECT_THAT(PublicKey::FromPem(kRsa).error().what, HasSubstr("RSA"));
  EXPECT_THAT(PublicKey::FromPem(kP521).error().what, HasSubstr("secp521r1"));
  EXPECT_THAT(PublicKey::FromPem("-----BEGIN PRIVATE KEY-----\n").error().what, HasSubstr("private"));
  EXPECT_FALSE(PublicKey::FromPem(""));
  EXPECT_FALSE(PublicKey::FromPem("nonsense"));
}

// Two bytes of a public key packet, armoured: what matters is the armour.
constexpr const char* kArmoured =
    "a remark\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmQE=\n=XXXX\n-----END PGP PUBLIC KEY "
    "BLOCK-----\n";

std::string Armoured(const std::string& checksum) {
  std::string text = kArmoured;
  return text.replace(text.find("=XXXX\n"), 6, checksum);
}

TEST(GpgKeyring, TakesOffTheArmour) {
  EXPECT_EQ(ReadPublicKeys(Armoured("")).value(), "\x99\x01");
  EXPECT_EQ(ReadPublicKeys(Armoured("=0ag/\n")).value(), "\x99\x01");
  EXPECT_EQ(ReadPublicKeys(Armoured("") + Armoured("")).value(), "\x99\x01\x99\x01");
  EXPECT_EQ(ReadPublicKeys("\x99\x01 binary").value(), "\x99\x01 binary");
}

TEST(GpgKeyring, RefusesWhatIsNoPublicKey) {
  EXPECT_THAT(ReadPublicKeys(Armoured("=AAAA\n")).error().what, HasSubstr("checksum"));
  EXPECT_THAT(ReadPublicKeys("-----BEGIN PGP PRIVATE KEY BLOCK-----\n").error().what,
              HasSubstr("something else"));
  EXPECT_THAT(ReadPublicKeys("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQE=\n").error().what,
              HasSubstr("ends early"));
  EXPECT_THAT(ReadPublicKeys("-----BEGIN PGP PUBLIC KEY BLOCK-----").error().what, HasSubstr("ends early"));
  EXPECT_FALSE(ReadPublicKeys(""));
  EXPECT_FALSE(ReadPublicKeys("\xff\xfe"));
}

constexpr const char* kGood =
    "[GNUPG:] PLAINTEXT 62 1795384057 p\n[GNUPG:] NEWSIG\n"
    "[GNUPG:] KEY_CONSIDERED 9AA8D26A804EBCBC40C8C09DBAD773DE87B2F115 0\n"
    "[GNUPG:] GOODSIG BAD773DE87B2F115 a@x\n"
    "[GNUPG:] VALIDSIG 9AA8 2026-11-22 1795384057 0 4 0 22 8 00 F115\n";

std::string With(const std::string& from, const std::string& to) {
  std::string text = kGood;
  return text.replace(text.find(from), from.size(), to);
}

TEST(GpgStatus, WantsOneGoodSignature) {
  EXPECT_EQ(ReadGpgStatus(kGood).value(), "F115");
  EXPECT_FALSE(ReadGpgStatus(""));
  EXPECT_FALSE(ReadGpgStatus(With("GOODSIG", "OTHER")));
  EXPECT_FALSE(ReadGpgStatus(With("VALIDSIG", "OTHER")));
  EXPECT_FALSE(ReadGpgStatus(With("PLAINTEXT", "OTHER")));
  EXPECT_FALSE(ReadGpgStatus(std::string(kGood) + kGood));
  EXPECT_FALSE(ReadGpgStatus(std::string(kGood) + "[GNUPG:] NEWSIG\n"));
  EXPECT_FALSE(ReadGpgStatus(With(" 00 F115", "")));
}

TEST(GpgStatus, SaysWhatIsWrong) {
  EXPECT_THAT(ReadGpgStatus(With("GOODSIG", "EXPKEYSIG")).error().what, HasSubstr("key that has expired"));
  EXPECT_THAT(ReadGpgStatus(With("GOODSIG", "REVKEYSIG")).error().what, HasSubstr("revoked"));
  EXPECT_THAT(ReadGpgStatus(With("GOODSIG", "EXPSIG")).error().what, HasSubstr("signature has expired"));
  EXPECT_THAT(ReadGpgStatus(With("GOODSIG", "BADSIG")).error().what, HasSubstr("does not fit"));
  EXPECT_THAT(ReadGpgStatus(With("22 8 00", "22 2 00")).error().what, HasSubstr("too weak"));
  EXPECT_THAT(ReadGpgStatus(With("22 8 00", "22 8 10")).error().what,
              HasSubstr("no signature of a document"));
  // A good one does not help a bad one.
  EXPECT_FALSE(ReadGpgStatus(std::string(kGood) + "[GNUPG:] BADSIG BAD773DE87B2F115 a@x\n"));
}

TEST(GpgMessage, IsNoMessage) {
  EXPECT_FALSE(OpenGpgMessage("\x99\x01", "not a message"));
  EXPECT_FALSE(OpenGpgMessage("", ""));
}

}  // namespace
}  // namespace wolffia
