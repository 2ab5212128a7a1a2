// The container whose namespaces a new one is to share (--pid=container:NAME and its like), as far as making
// the new one needs to know: its full id, and its id maps, because its user namespace is shared too.
#pragma once

#include <optional>

#include "engine/runtime/run_request.h"
#include "storage/store.h"

namespace wolffia {

// Names become ids in `request.namespaces`, and a shared host name is put where one was asked for. Returns
// the id maps of the other container; nullopt if none is joined. podman's words for one that does not exist;
// kInvalid for several, or maps of its own; it need not run yet.
Result<std::optional<IdMaps>> ResolveNamespaces(const Store& store, RunRequest& request);

}  // namespace wolffia
