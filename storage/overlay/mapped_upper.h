// MappedUpper: an UpperStore whose owners are shown as others (OwnerMaps), and kept as what they are on the
// disk.
#pragma once

#include <memory>

#include "storage/overlay/owner_map.h"
#include "storage/overlay/upper_store.h"

namespace wolffia {

// Maps that change nothing give back `store`.
std::unique_ptr<UpperStore> MapOwners(std::unique_ptr<UpperStore> store, OwnerMaps owners);

}  // namespace wolffia
