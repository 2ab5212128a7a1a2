// Options that several verbs have.
#pragma once

#include "cmd/option.h"

namespace wolffia::table {

inline constexpr Option kFormatOption = {"format", 0, OptionKind::kString, "FORMAT",
                                         "Print as JSON (json) or by a Go template"};

inline constexpr Option kSignaturePolicyOption = {
    "signature-policy",
    0,
    OptionKind::kString,
    "FILE",
    "Verify signatures by this policy.toml instead of the user's",
    "",
    Completes::kFiles};

}  // namespace wolffia::table
