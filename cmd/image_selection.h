// Which images `images` is about: --filter, the pattern of its argument, and --sort.
#pragma once

#include <vector>

#include "cmd/session.h"
#include "storage/image_store.h"

namespace wolffia {

Result<std::vector<ImageRecord>> SelectImages(const Command& command, const Session& session);

}  // namespace wolffia
