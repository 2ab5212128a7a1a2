// Verbs of health checks.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr std::array kHealthVerbs = {
    Verb{.name = "healthcheck run",
         .aliases = "",
         .arguments = "CONTAINER",
         .summary = "Make a container's health check now",
         .options = {},
         .min_arguments = 1,
         .max_arguments = 1,
         .completes = Completes::kContainers},
};

}  // namespace wolffia::table
