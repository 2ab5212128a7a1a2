// OomScore: --oom-score-adj, which an ordinary user may raise and not lower.
#pragma once

#include <string>

#include "engine/base/result.h"

namespace wolffia {

// kInvalid outside of -1000 to 1000; kDenied if the kernel would not let us have it, found out by trying on
// this process, which gets its own value back. `root` stands before /proc in tests.
Result<> CheckOomScore(int64_t wanted, const std::string& root = "");

}  // namespace wolffia
