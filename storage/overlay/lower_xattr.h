// The extended attributes of a lower that are the overlay's own words, or another overlay's: never shown, and
// so never copied up, where a hostile image could give orders with them.
#pragma once

#include <string_view>

#include "storage/overlay/upper_object.h"

namespace wolffia {

inline bool IsOverlayXattr(std::string_view name) {
  return name.starts_with("user.overlay.") || name.starts_with("trusted.overlay.") ||
         name.starts_with("user.wolffia.") || name == kOverrideXattr ||
         name.starts_with("user.fuseoverlayfs.");
}

}  // namespace wolffia
