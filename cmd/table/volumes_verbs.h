// Verbs of volumes and secrets.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array<Verb, 0> kVolumesVerbs = {};

}  // namespace wolffia::table
