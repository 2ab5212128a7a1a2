// The rows of the table, a file for each group.
#pragma once

#include "engine/guarantees/guarantee.h"

namespace wolffia {

std::span<const Guarantee> IdentityGuarantees();
std::span<const Guarantee> IsolationGuarantees();
std::span<const Guarantee> ResourceGuarantees();
std::span<const Guarantee> StorageGuarantees();
std::span<const Guarantee> NetworkGuarantees();
std::span<const Guarantee> LifecycleGuarantees();

}  // namespace wolffia
