// Verbs that show containers and clear up: ps, inspect and the like.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kLatestOption = {"latest", 'l', kBool, "", "Use the container created last"};
inline constexpr Option kPruneForce = {"force", 'f', kBool, "", "Do not ask"};
inline constexpr Option kPruneFilter = {"filter", 0, kList, "FILTER",
                                        "until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]"};

inline constexpr Option kPs[] = {
    {"all", 'a', kBool, "", "Show all containers, not only those that run"},
    {"filter", 'f', kList, "FILTER",
     "ancestor=IMAGE, before=CONTAINER, exited=CODE, health=STATE, id=ID, label=KEY[=VALUE], label!=KEY, "
     "name=PATTERN, network=MODE, restart-policy=POLICY, since=CONTAINER, status=STATE, until=TIME, "
     "volume=NAME"},
    kFormatOption,
    {"last", 'n', kInt, "N", "Show the N containers created last"},
    {"latest", 'l', kBool, "", "Show the container created last"},
    {"no-trunc", 0, kBool, "", "Do not shorten ids and commands"},
    {"noheading", 0, kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print ids only"},
    {"size", 's', kBool, "", "Show how much each container takes on the disk"},
    {"sort", 0, kString, "KEY", "Sort by command, created, id, image, names, runningfor, size or status",
     "created", Completes::kWords, "command created id image names runningfor size status"},
    {"sync", 0, kBool, "", "Ask the system and not a cache; wolffia keeps none, so this changes nothing"},
    {"watch", 'w', kInt, "SECONDS", "Show the list again every so many seconds"},
};

inline constexpr Option kInspect[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
    {"latest", 'l', kBool, "", "Use the container created last"},
    {"size", 's', kBool, "", "Tell how much a container takes on the disk"},
    {"type", 't', kString, "TYPE", "What to look for: container, image, volume or all", "all",
     Completes::kWords, "all container image volume"},
};

inline constexpr Option kTop[] = {kLatestOption};

inline constexpr Option kStats[] = {
    {"all", 'a', kBool, "", "Show all containers, not only those that run"},
    kFormatOption,
    {"interval", 'i', kInt, "SECONDS", "Seconds from one report to the next", "5"},
    kLatestOption,
    {"no-reset", 0, kBool, "", "Do not clear the screen between reports"},
    {"no-stream", 0, kBool, "", "Report once"},
    {"no-trunc", 0, kBool, "", "Do not shorten ids"},
};

inline constexpr Option kPort[] = {
    {"all", 'a', kBool, "", "Show the ports of all containers"},
    kLatestOption,
};

inline constexpr Option kContainerPrune[] = {kPruneFilter, kPruneForce};

inline constexpr Option kSystemDf[] = {
    kFormatOption,
    {"verbose", 'v', kBool, "", "Show each image, container and volume"},
};

inline constexpr Option kSystemPrune[] = {
    {"all", 'a', kBool, "", "Remove all images that no container uses, not only those without a name"},
    kPruneFilter,
    kPruneForce,
    {"volumes", 0, kBool, "", "Remove volumes that no container uses as well"},
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
         .arguments = "CONTAINER|IMAGE|VOLUME [CONTAINER|IMAGE|VOLUME...]",
         .summary = "Show the details of containers, images and volumes",
         .options = kInspect,
         .completes = Completes::kImagesAndContainers},
    Verb{.name = "top",
         .aliases = "container top",
         .arguments = "CONTAINER [DESCRIPTOR...]",
         .summary = "Show the processes of a container",
         .options = kTop,
         .completes = Completes::kContainers,
         .stops_at_argument = true},
    Verb{.name = "stats",
         .aliases = "container stats",
         .arguments = "[CONTAINER...]",
         .summary = "Show what containers use",
         .options = kStats,
         .completes = Completes::kContainers},
    Verb{.name = "port",
         .aliases = "container port",
         .arguments = "[CONTAINER [PORT]]",
         .summary = "Show the published ports of a container",
         .options = kPort,
         .max_arguments = 2,
         .completes = Completes::kContainers},
    Verb{.name = "rename",
         .aliases = "container rename",
         .arguments = "CONTAINER NAME",
         .summary = "Give a container another name",
         .options = {},
         .min_arguments = 2,
         .max_arguments = 2,
         .completes = Completes::kContainers},
    Verb{.name = "container prune",
         .aliases = "",
         .arguments = "",
         .summary = "Remove all containers that do not run",
         .options = kContainerPrune,
         .max_arguments = 0},
    Verb{.name = "system df",
         .aliases = "",
         .arguments = "",
         .summary = "Show how much images, containers and volumes take on the disk",
         .options = kSystemDf,
         .max_arguments = 0},
    Verb{.name = "system prune",
         .aliases = "",
         .arguments = "",
         .summary = "Remove what nothing uses",
         .options = kSystemPrune,
         .max_arguments = 0},
};

}  // namespace wolffia::table
