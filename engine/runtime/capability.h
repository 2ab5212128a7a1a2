// Capability: the names and numbers of Linux capabilities (capabilities(7)), and the set that a container
// gets: podman's default, changed by --cap-add and --cap-drop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

// "CAP_CHOWN" -> 0; -1 for a name that is none.
int CapabilityNumber(std::string_view name);
// 40 -> "CAP_CHECKPOINT_RESTORE"; empty for a number without a name.
std::string_view CapabilityName(int number);

// The bounding set, ordered by number. Names with or without "CAP_", in any case, or ALL. kInvalid for an
// unknown name and for one that is added and dropped; kUnsupported for one that the kernel (whose last one is
// `last`) does not have.
Result<std::vector<std::string>> ContainerCapabilities(const std::vector<std::string>& add,
                                                       const std::vector<std::string>& drop, int last);

}  // namespace wolffia
