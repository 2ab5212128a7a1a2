// Verbs that copy files of containers: cp, diff, export, import. wolffia-image executes them.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array<Verb, 0> kCopyVerbs = {};

}  // namespace wolffia::table
