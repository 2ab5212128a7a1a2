// --log-driver and --log-opt, with podman's words for what is unknown. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/container_parts.h"

namespace wolffia {

// An empty driver is the default one. Options: path=FILE, max-size=SIZE, max-file=N.
Result<LogConfig> ParseLogFlags(const std::string& driver, const std::vector<std::string>& options);

}  // namespace wolffia
