// What a registry or a lookaside server says of signatures: payloads, attachments, referrers, armour, gpgv's
// words.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/signature/attachment.h"
#include "engine/signature/gpg_keyring.h"
#include "engine/signature/gpg_message.h"
#include "engine/signature/payload.h"
#include "engine/signature/signature_set.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::string_view type : {kGpgType, kSigstoreType}) {
    auto claim = ParseClaim(text, type);
    if (!claim) continue;
    if (claim->digest.empty() || claim->type != type || text.size() > kMaxPayloadBytes) abort();
    auto asked = Reference::Parse("r.example/x:1");
    for (IdentityRule rule : {IdentityRule::kExact, IdentityRule::kRepoDigestOrExact})
      if (CheckIdentity(rule, *asked, claim->reference) &&
          !CheckIdentity(IdentityRule::kRepository, *asked, claim->reference))
        abort();
  }
  if (auto found = ParseAttachment(text, std::nullopt); found && found->size() > kMaxSignatures) abort();
  if (auto found = ParseReferrers(text); found && found->size() > kMaxSignatures) abort();
  if (auto kept = ParseSignatures(text)) {
    auto again = ParseSignatures(SerializeSignatures(*kept));
    if (!again || *again != *kept) abort();
  }
  (void)ReadPublicKeys(text);
  if (auto key = ReadGpgStatus(text); key && text.find("GOODSIG") == std::string_view::npos) abort();
  return 0;
}
