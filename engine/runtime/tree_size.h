// The size of a directory tree that a container may be writing to.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

// The bytes of its files, each counted once however many names it has; directories count nothing. Never
// follows a link. What vanishes meanwhile is left out. Directories of other ids of the user's are read inside
// a user namespace that maps them, so the caller must have one thread only.
Result<int64_t> MeasureTree(const Context& context, const std::string& path);

}  // namespace wolffia
