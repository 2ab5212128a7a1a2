#include "engine/signature/kept_verdict.h"

#include "engine/signature/signature_set.h"
#include "engine/signature/verification.h"

namespace wolffia {
namespace {

constexpr size_t kMaxDocument = 16 << 20;

Result<std::vector<FoundSignature>> ReadKept(const Store& store, const ImageVerdict& verdict) {
  if (verdict.signatures.empty()) return std::vector<FoundSignature>();
  return ParseSignatures(TRY(BlobStore(store).Read(verdict.signatures, kMaxDocument)));
}

}  // namespace

Result<ImageVerdict> VerifyKept(const Store& store, const Policies& policies, const ImageRecord& record) {
  ImageVerdict verdict = record.verdict;
  if (verdict.source.empty()) return verdict;
  const ImageOrigin origin = TRY(ImageOrigin::Parse(verdict.source));
  const auto rules = policies.RulesFor(origin);
  TRY(CheckNotRejected(rules, origin));
  verdict.rules.clear();
  verdict.keys.clear();
  verdict.checked_ns = policies.loaded_ns();
  for (const PolicyRule* rule : rules) verdict.rules.push_back(rule->str());
  if (!WantsSignatures(rules)) return verdict;
  auto keys =
      VerifySignatures(rules, {origin.name, record.manifest, record.index}, TRY(ReadKept(store, verdict)));
  if (!keys && verdict.signatures.empty())
    keys.error().what += "; none was asked for when the image was pulled: pull it again";
  verdict.keys = TRY(std::move(keys));
  return verdict;
}

std::string_view VerdictWord(const ImageVerdict& verdict) {
  if (verdict.source.empty()) return "made here";
  return verdict.keys.empty() ? "accepted" : "signed";
}

}  // namespace wolffia
