// LendingUpper: an UpperStore for native ids that is served by an ordinary user. Modes on the host are the
// container's there, and they hold for us, too: an object whose mode shuts its owner out (0444, 0000) cannot
// be opened, nor can its attributes be read or written. Where that is in the way the mode is widened for the
// time of the call. Should we be killed in between, the object stays open to its owner: no more than that.
#pragma once

#include <memory>

#include "storage/overlay/upper_store.h"

namespace wolffia {

// Gives back `store` where the host's modes are not in the way: with override ids, and for root.
std::unique_ptr<UpperStore> LendModes(std::unique_ptr<UpperStore> store);

}  // namespace wolffia
