// Verbs that talk to a running container: attach, exec.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array<Verb, 0> kTerminalVerbs = {};

}  // namespace wolffia::table
