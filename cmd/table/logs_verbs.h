// Verbs that show what happened: logs, events.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array<Verb, 0> kLogsVerbs = {};

}  // namespace wolffia::table
