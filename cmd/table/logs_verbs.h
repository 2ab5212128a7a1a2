// Verbs that show what happened: logs, events.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kLogs[] = {
    {"follow", 'f', kBool, "", "Go on as the log grows, until the container has ended"},
    {"latest", 'l', kBool, "", "Use the container created last"},
    {"names", 'n', kBool, "", "Of several containers, begin lines with names in place of ids"},
    {"since", 0, kString, "TIME", "Only what was written at this time or later"},
    {"tail", 0, kInt, "LINES", "Only the last so many lines; -1: all", "-1"},
    {"timestamps", 't', kBool, "", "Begin lines with the time at which they were written"},
    {"until", 0, kString, "TIME", "Only what was written at this time or before"},
};

inline constexpr Option kEvents[] = {
    {"filter", 'f', kList, "FILTER",
     "container=NAME, event=STATUS, image=IMAGE, label=KEY[=VALUE], secret=NAME, type=TYPE, volume=NAME"},
    {"format", 0, kString, "FORMAT", "Print as JSON lines (json) or by a Go template"},
    {"no-trunc", 0, kBool, "", "Print ids in full; --no-trunc=false shortens them", "true"},
    {"since", 0, kString, "TIME", "Begin with the events of this time"},
    {"stream", 0, kBool, "", "Wait for further events; --stream=false does not", "true"},
    {"until", 0, kString, "TIME", "End with the events of this time"},
};

inline constexpr std::array kLogsVerbs = {
    Verb{.name = "logs",
         .aliases = "container logs",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Show what containers have written",
         .options = kLogs,
         .completes = Completes::kContainers},
    Verb{.name = "events",
         .aliases = "system events",
         .summary = "Show what happens to containers, images, volumes and secrets",
         .options = kEvents,
         .max_arguments = 0},
};

}  // namespace wolffia::table
