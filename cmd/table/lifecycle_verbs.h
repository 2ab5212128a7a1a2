// Verbs that make, start, stop and remove containers.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/run_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kStart[] = {
    {"attach", 'a', kBool, "", "Stay in the foreground: its output is ours, and its exit code"},
    {"interactive", 'i', kBool, "", "Give the container our standard input; attaches as well"},
};

inline constexpr Option kRm[] = {
    {"all", 'a', kBool, "", "Remove all containers"},
    {"force", 'f', kBool, "",
     "Kill a container that runs, then remove it; do not complain about a missing one"},
    {"ignore", 'i', kBool, "", "Do not complain about a container that does not exist"},
};

inline constexpr std::array kLifecycleVerbs = {
    Verb{.name = "run",
         .aliases = "container run",
         .arguments = "IMAGE [COMMAND [ARG...]]",
         .summary = "Run a command in a new container",
         .options = kRun,
         .min_arguments = 1,
         .completes = Completes::kImages,
         .stops_at_argument = true},
    Verb{.name = "create",
         .aliases = "container create",
         .arguments = "IMAGE [COMMAND [ARG...]]",
         .summary = "Make a container without starting it",
         .options = kCreate,
         .min_arguments = 1,
         .completes = Completes::kImages,
         .stops_at_argument = true},
    Verb{.name = "start",
         .aliases = "container start",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Start containers that do not run",
         .options = kStart,
         .min_arguments = 1,
         .completes = Completes::kContainers},
    Verb{.name = "rm",
         .aliases = "container rm",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Remove containers",
         .options = kRm,
         .completes = Completes::kContainers},
};

}  // namespace wolffia::table
