// CheckIndex: the full check of an index, one pass over everything. Afterwards every reference is in bounds,
// names are valid, unique and sorted, and the directories are one tree whose every member is reachable
// exactly once from node 0: code that walks it needs no limits of its own. The bounds of the sections
// themselves have been checked before.
#pragma once

#include "storage/overlay/lower_index.h"

namespace wolffia {

Result<> CheckIndex(const LowerIndex& index);

}  // namespace wolffia
