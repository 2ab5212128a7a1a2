// A Landlock policy in a file (wolffia-landlock(5)). What is wrong with it is reported as
// "FILE:LINE:COLUMN: KEY: what"; an unknown key is wrong.
#pragma once

#include "engine/landlock/policy.h"

namespace wolffia {

// Of at most 1 MiB. kInvalid also for one that restricts nothing.
Result<LandlockPolicy> ReadLandlockFile(const std::string& path);

// `name` is only named, not read.
Result<LandlockPolicy> ParseLandlockPolicy(std::string_view text, std::string name);

}  // namespace wolffia
