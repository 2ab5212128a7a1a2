// ApartTrial: two user namespaces with ids of their own, as two containers with --userns=auto have them: what
// root of the one may do to a process of the other, although it sees that.
#pragma once

#include <string>

#include "engine/runtime/host_facts.h"

namespace wolffia {

// Empty: nothing. Else what it could do, or why it could not be tried. The caller must have one thread only.
std::string TryApart(const IdMaps& one, const IdMaps& other, const HostFacts& host);

}  // namespace wolffia
