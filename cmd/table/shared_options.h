// Options that several verbs have.
#pragma once

#include "cmd/option.h"

namespace wolffia::table {

inline constexpr Option kFormatOption = {"format", 0, OptionKind::kString, "FORMAT",
                                         "Print as JSON (json) or by a Go template"};

}  // namespace wolffia::table
