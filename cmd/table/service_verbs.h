// Verbs for service managers.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array<Verb, 0> kServiceVerbs = {};

}  // namespace wolffia::table
