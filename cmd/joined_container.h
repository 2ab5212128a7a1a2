// Whose namespaces a new container is to share, another container's (--pid=container:NAME and its like) or a
// network's (--network ns:PATH), as far as making the new one needs to know: that one's full id, and the id
// maps, because the user namespace is shared too.
#pragma once

#include <optional>

#include "engine/runtime/run_request.h"
#include "storage/store.h"

namespace wolffia {

// Names become ids in `request.namespaces`, and a shared host name is put where one was asked for. Returns
// the id maps of what is joined; nullopt if nothing is. podman's words for a container that does not exist;
// it need not run yet. kInvalid for several, or maps of its own.
Result<std::optional<IdMaps>> ResolveNamespaces(const Store& store, RunRequest& request);

}  // namespace wolffia
