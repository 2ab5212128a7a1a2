// Removing volumes, with the files that containers wrote there as other ids; and the events of volumes.
#pragma once

#include <string>

#include "engine/base/context.h"
#include "storage/volume_store.h"

namespace wolffia {

// As VolumeStore::Remove; what belongs to other ids is removed inside a user namespace.
Result<> RemoveVolume(const Context& context, const Store& store, const std::string& name);
// `left_over`: as the store names it, may be empty. A failure is only logged: the next sweep tries again.
void RemoveLeftOver(const Context& context, const Store& store, const std::string& left_over);

void WriteVolumeEvent(const Context& context, const Store& store, const char* status,
                      const std::string& name);

}  // namespace wolffia
