// Duration: a span of time as Go's programs write it: "1h30m", "1.5s", "300ms".
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// Nanoseconds, may be negative. The units are ns, us (µs), ms, s, m, h; "0" needs none. kInvalid in Go's
// words.
Result<int64_t> ParseDuration(std::string_view text);

}  // namespace wolffia
