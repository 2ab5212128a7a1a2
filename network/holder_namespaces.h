// The user namespace that the holder lives in (holder.h), and how it gets into it.
#pragma once

#include "engine/base/fd.h"
#include "network/holder_protocol.h"

namespace wolffia {

// Forks: in the child it returns, in the namespace; the parent writes the id maps and ends the program.
// `old`: H of the holder before; -1: a new one. One thread only.
Result<> EnterHolderNamespaces(const HolderStart& start, int old);

}  // namespace wolffia
