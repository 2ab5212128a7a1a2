// Verbs that show containers and clear up: ps, inspect and the like.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kPs[] = {
    {"all", 'a', kBool, "", "Show all containers, not only those that run"},
    {"filter", 'f', kList, "FILTER",
     "id=ID, name=NAME, label=KEY[=VALUE], status=STATE, exited=CODE, ancestor=IMAGE, before=CONTAINER, "
     "since=CONTAINER"},
    kFormatOption,
    {"last", 'n', kInt, "N", "Show the N containers created last"},
    {"latest", 'l', kBool, "", "Show the container created last"},
    {"no-trunc", 0, kBool, "", "Do not shorten ids and commands"},
    {"noheading", 0, kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print ids only"},
};

inline constexpr Option kInspect[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
    {"type", 't', kString, "TYPE", "What to look for: container, image or all", "all", Completes::kWords,
     "all container image"},
};

inline constexpr std::array kListsVerbs = {
    Verb{.name = "ps",
         .aliases = "container ls|container list|container ps",
         .arguments = "",
         .summary = "List containers",
         .options = kPs,
         .max_arguments = 0},
    Verb{.name = "inspect",
         .aliases = "",
         .arguments = "CONTAINER|IMAGE [CONTAINER|IMAGE...]",
         .summary = "Show the details of containers and images",
         .options = kInspect,
         .min_arguments = 1,
         .completes = Completes::kImagesAndContainers},
};

}  // namespace wolffia::table
