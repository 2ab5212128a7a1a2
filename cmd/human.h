// Numbers and times as people read them, in the form that podman and docker print. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wolffia {

// Decimal units, three significant digits: "142 MB", "1.99 MB", "0 B".
std::string HumanSize(int64_t bytes);

// "Less than a second", "2 hours", "About an hour", "3 weeks".
std::string HumanDuration(int64_t nanoseconds);

// HumanDuration and " ago". Times of the future (a clock that was set back) count as now.
std::string HumanAgo(int64_t then_ns, int64_t now_ns);

// "2026-11-22 01:11:07 +0000 UTC".
std::string LongTime(int64_t nanoseconds);

// A message for a terminal: control characters but line feeds and tabs, which an image or a registry may have
// put into a name, are shown as "?".
std::string TerminalText(std::string_view message);

}  // namespace wolffia
