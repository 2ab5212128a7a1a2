// NetworkAtPath: the network namespace of --network ns:PATH, and the user namespace that owns it: only with
// rights in that can the network be joined, so the container lives there. Both are held by descriptors:
// whatever becomes of the path afterwards, it is these that are joined.
#pragma once

#include <string>

#include "engine/base/fd.h"
#include "engine/runtime/id_map.h"

namespace wolffia {

struct NetworkAtPath {
  Fd network, user;  // namespaces
  IdMaps maps;       // of the latter
};

// Links of `path` are followed, and nothing is opened before it is known to be a namespace. kNotFound,
// kInvalid for what is no network namespace or the host's own, kUnsupported with the reason for one that an
// ordinary user cannot join. It has been joined, for a try, by a process that has ended.
Result<NetworkAtPath> OpenNetworkAtPath(const std::string& path);

}  // namespace wolffia
