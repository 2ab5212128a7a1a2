// Whether this host can give a container the network that it asks for, found out without making anything.
#pragma once

#include <string>

#include "engine/base/result.h"

namespace wolffia {

// For a mode with a driver ("slirp4netns", "pasta", "bridge"). kUnsupported: what is missing, and the remedy.
Result<> CheckNetworkSupport(const std::string& mode);
// Only whether the kernel gives network namespaces at all: part of the above.
Result<> CheckNetworkNamespaces();

}  // namespace wolffia
