// ChooseUpper: which driver keeps a new container's changes: the kernel's overlayfs or the FUSE upper. What
// the user asked for; with "auto" the kernel's, unless a limit is asked for or a probe (overlay_probe.h) says
// that it cannot.
//
// The probe's answer is kept in the runtime directory, upper/<device of the store> or upper/memory, so that
// it costs a start nothing but one small file to read. An answer from before the last boot does not count:
// not every runtime directory is emptied then.
#pragma once

#include <string>

#include "engine/base/context.h"
#include "engine/config/settings.h"
#include "engine/runtime/run_request.h"
#include "storage/store.h"

namespace wolffia {

// "kernel" or "fuse". kUnsupported for a limit on the kernel's. The caller must have one thread only.
Result<std::string> ChooseUpper(const Context& context, const Store& store, const Settings& settings,
                                const StorageRequest& request);

}  // namespace wolffia
