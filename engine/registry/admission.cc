#include "engine/registry/admission.h"

#include "engine/oci/hasher.h"
#include "engine/registry/signature_source.h"
#include "engine/signature/kept_verdict.h"

namespace wolffia {

Result<Admission> Admission::Of(const Context& context, const Policies& policies, ImageOrigin origin) {
  TRY(CheckNotRejected(policies.RulesFor(origin), origin));
  return Admission(context, policies, std::move(origin));
}

bool Admission::Holds(const Store& store, const ImageRecord& record) const {
  if (policies_.empty()) return true;
  // The same bytes may have come by another way, an archive say, that other rules are about.
  return record.verdict.source == origin_.str() && VerifyKept(store, policies_, record).has_value();
}

Result<Admitted> Admission::Admit(const SourceImage& image, RegistryClient* registry,
                                  const Cancel& cancel) const {
  const auto rules = policies_.RulesFor(origin_);
  Admitted admitted{.verdict = {.source = origin_.str()}};
  for (const PolicyRule* rule : rules) admitted.verdict.rules.push_back(rule->str());
  admitted.verdict.checked_ns = policies_.loaded_ns();
  if (!WantsSignatures(rules)) return admitted;
  const ImageToVerify wanted{origin_.name, image.manifest_digest, image.index_digest};
  std::vector<FoundSignature> found;
  if (registry != nullptr) found = TRY(FindSignatures({context_, *registry, cancel}, rules, wanted));
  admitted.verdict.keys = TRY(VerifySignatures(rules, wanted, found));
  admitted.signatures = SerializeSignatures(found);
  admitted.verdict.signatures = Sha256Of(admitted.signatures);
  return admitted;
}

}  // namespace wolffia
