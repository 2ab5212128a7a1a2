// The container's attribute names, and the names under which the upper keeps them. Pure.
//
//   the container's name          override ids                            native ids
//   user.NAME                     the same                                the same
//   user.overlay.* and what else  user.wolffia.x.user.overlay.*           user.wolffia.x.user.overlay.*
//     has a meaning to us
//   all others                    user.wolffia.x.security.capability      the same
//
// So the container can't say what only we may say, and sees nothing of what we say; yet an engine in the
// container can use these names for itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/overlay/upper_object.h"

namespace wolffia {

std::string KeptXattrName(UpperIds ids, std::string_view container_name);
// nullopt: hidden.
std::optional<std::string> ContainerXattrName(UpperIds ids, std::string_view kept_name);

}  // namespace wolffia
