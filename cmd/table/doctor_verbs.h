// The verb that looks at the host, and what its program does for others.
#pragma once

#include <array>

#include "cmd/option.h"
#include "engine/guarantees/ids.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kDoctor[] = {
    {"fix", 0, kBool, "",
     "Print the commands that would help, those of the user and of the administrator apart"},
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
};

inline constexpr std::array kDoctorVerbs = {
    Verb{.name = "doctor",
         .aliases = "",
         .arguments = "[GUARANTEE...]",
         .summary = "Tell what holds on this host, and what would help",
         .options = kDoctor,
         .completes = Completes::kWords,
         .words = kGuaranteeIds},
    Verb{.name = "internal-probe",
         .aliases = "",
         .arguments = "GUARANTEE [GUARANTEE...]",
         .summary = "Fail unless all of these hold",
         .options = {},
         .min_arguments = 1,
         .hidden = true},
    Verb{.name = "internal-page",
         .aliases = "",
         .arguments = "",
         .summary = "Print wolffia-guarantees(7)",
         .options = {},
         .max_arguments = 0,
         .hidden = true},
};

}  // namespace wolffia::table
