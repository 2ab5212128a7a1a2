#include "engine/guarantees/guarantee.h"

#include "engine/guarantees/groups.h"

namespace wolffia {

std::span<const GuaranteeGroup> GuaranteeGroups() {
  static const GuaranteeGroup groups[] = {
      {"identity", "Identity", IdentityGuarantees()},   {"isolation", "Isolation", IsolationGuarantees()},
      {"resources", "Resources", ResourceGuarantees()}, {"storage", "Storage", StorageGuarantees()},
      {"network", "Network", NetworkGuarantees()},      {"lifecycle", "Lifecycle", LifecycleGuarantees()},
  };
  return groups;
}

const Guarantee* FindGuarantee(std::string_view id) {
  for (const GuaranteeGroup& group : GuaranteeGroups())
    for (const Guarantee& row : group.rows)
      if (row.id == id) return &row;
  return nullptr;
}

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "HOLDS";
    case Verdict::kHoldsIf:
      return "HOLDS-IF";
    case Verdict::kLost:
      return "LOST";
    case Verdict::kNotApplicable:
      break;
  }
  return "NOT-APPLICABLE";
}

std::string_view WhoName(Who who) {
  return who == Who::kYou ? "you" : who == Who::kAdministrator ? "the administrator" : "nobody";
}

}  // namespace wolffia
