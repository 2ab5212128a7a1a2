// A moment as --since and --until take it: a time (RFC 3339, or parts of it, then in UTC), seconds since 1970
// with a fraction, or a duration as Go writes it: back from now for --since, on from now for --until, as
// podman has it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cmd/command_line.h"

namespace wolffia {

enum class TimeFlag { kSince, kUntil };

// Nanoseconds since 1970; times that don't fit are the earliest or the latest one. kInvalid without the
// flag's name.
Result<int64_t> ParseTimeFlag(std::string_view text, TimeFlag flag, int64_t now_ns);

struct TimeRange {
  int64_t since_ns = INT64_MIN, until_ns = INT64_MAX;
};
// --since and --until of a verb; the error names the flag.
Result<TimeRange> ReadTimeRange(const OptionValues& options, int64_t now_ns);

}  // namespace wolffia
