// Verbs for service managers.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kGenerateSystemd[] = {
    {"after", 0, kList, "UNIT", "Start after UNIT"},
    {"container-prefix", 0, kString, "PREFIX", "Prefix of the unit's name", "container"},
    {"env", 'e', kList, "NAME=VALUE", "Set an environment variable of the unit"},
    {"files", 'f', kBool, "", "Write NAME.service into the working directory instead of printing it"},
    {"format", 0, kString, "FORMAT", "Print as JSON (json)", "", Completes::kWords, "json"},
    {"name", 'n', kBool, "", "Use the container's name instead of its id"},
    {"new", 0, kBool, "", "Make a new container at every start, and remove it at every end"},
    {"no-header", 0, kBool, "", "Leave out version and time"},
    {"requires", 0, kList, "UNIT", "Start with UNIT, and stop with it"},
    {"restart-policy", 0, kString, "POLICY", "When systemd starts it again", "", Completes::kWords,
     "no on-success on-failure on-abnormal on-watchdog on-abort always"},
    {"restart-sec", 0, kInt, "SECONDS", "Time before it is started again"},
    {"separator", 0, kString, "TEXT", "Between the prefix and the name or id", "-"},
    {"start-timeout", 0, kInt, "SECONDS", "Time that a start may take"},
    {"stop-timeout", 0, kInt, "SECONDS", "Time between the stop signal and KILL"},
    {"time", 't', kInt, "SECONDS", "The same as --stop-timeout"},
    {"wants", 0, kList, "UNIT", "Start UNIT as well"},
};

inline constexpr std::array kServiceVerbs = {
    Verb{.name = "generate systemd",
         .aliases = "",
         .arguments = "CONTAINER",
         .summary = "Print a systemd unit that runs a container",
         .options = kGenerateSystemd,
         .min_arguments = 1,
         .max_arguments = 1,
         .completes = Completes::kContainers},
};

}  // namespace wolffia::table
