// Verbs of user-defined networks.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kNetworkConnect[] = {
    {"alias", 0, kList, "NAME", "Another name of the container in the network"},
    {"ip", 0, kString, "ADDRESS", "Its address of IPv4 in the network; else one that is free"},
    {"ip6", 0, kString, "ADDRESS", "Its address of IPv6 in the network; else one that is free"},
    {"mac-address", 0, kString, "ADDRESS",
     "Ethernet address of its interface; else one made of its IP address"},
};

inline constexpr Option kNetworkDisconnect[] = {
    {"force", 'f', kBool, "", "Do not complain about a container that is not connected"},
};

inline constexpr Option kNetworkCreate[] = {
    {"disable-dns", 0, kBool, "", "Containers of the network do not find each other by name"},
    {"driver", 'd', kString, "NAME", "Driver; there is only bridge", "bridge", Completes::kWords, "bridge"},
    {"gateway", 0, kList, "ADDRESS", "Gateway of the subnet; else its first address"},
    {"ignore", 0, kBool, "", "Do not complain about a network that exists"},
    {"internal", 0, kBool, "", "No way out of the network"},
    {"ip-range", 0, kList, "CIDR", "Give containers addresses of this part of the subnet"},
    {"ipam-driver", 0, kString, "NAME", "Who gives the addresses; there is only host-local", "host-local",
     Completes::kWords, "host-local"},
    {"ipv6", 0, kBool, "", "A subnet of IPv6 too"},
    {"label", 0, kList, "KEY=VALUE", "Add a label to the network"},
    {"opt", 'o', kList, "KEY=VALUE", "mtu=BYTES, isolate=BOOL", "", Completes::kWords, "mtu= isolate="},
    {"subnet", 0, kList, "CIDR", "Addresses of the network; else one that is free"},
};

inline constexpr Option kNetworkInspect[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
};

inline constexpr Option kNetworkLs[] = {
    {"filter", 'f', kList, "FILTER",
     "dangling=BOOL, driver=NAME, id=ID, label=KEY[=VALUE], label!=KEY, name=PART, until=TIME"},
    kFormatOption,
    {"no-trunc", 0, kBool, "", "Print whole ids"},
    {"noheading", 'n', kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print names only"},
};

inline constexpr Option kNetworkPrune[] = {
    {"filter", 0, kList, "FILTER", "label=KEY[=VALUE], label!=KEY, until=TIME"},
    {"force", 'f', kBool, "", "Do not ask"},
};

inline constexpr Option kNetworkRm[] = {
    {"force", 'f', kBool, "", "Remove the containers that use it too; do not complain about a missing one"},
    {"time", 't', kInt, "SECONDS", "Time that running containers have to stop before they are killed", "10"},
};

inline constexpr std::array kNetworkVerbs = {
    Verb{.name = "network connect",
         .aliases = "",
         .arguments = "NETWORK CONTAINER",
         .summary = "Connect a container to a network",
         .options = kNetworkConnect,
         .min_arguments = 2,
         .max_arguments = 2},
    Verb{.name = "network create",
         .aliases = "",
         .arguments = "[NAME]",
         .summary = "Make a network for containers",
         .options = kNetworkCreate,
         .max_arguments = 1},
    Verb{.name = "network disconnect",
         .aliases = "",
         .arguments = "NETWORK CONTAINER",
         .summary = "Disconnect a container from a network",
         .options = kNetworkDisconnect,
         .min_arguments = 2,
         .max_arguments = 2},
    Verb{.name = "network exists",
         .aliases = "",
         .arguments = "NETWORK",
         .summary = "Tell by the exit code whether a network exists",
         .options = {},
         .min_arguments = 1,
         .max_arguments = 1},
    Verb{.name = "network inspect",
         .aliases = "",
         .arguments = "NETWORK [NETWORK...]",
         .summary = "Show the details of networks",
         .options = kNetworkInspect,
         .min_arguments = 1},
    Verb{.name = "network ls",
         .aliases = "network list",
         .arguments = "",
         .summary = "List networks",
         .options = kNetworkLs,
         .max_arguments = 0},
    Verb{.name = "network prune",
         .aliases = "",
         .arguments = "",
         .summary = "Remove all networks that no container uses",
         .options = kNetworkPrune,
         .max_arguments = 0},
    Verb{.name = "network rm",
         .aliases = "network remove",
         .arguments = "NETWORK [NETWORK...]",
         .summary = "Remove networks",
         .options = kNetworkRm,
         .min_arguments = 1},
};

}  // namespace wolffia::table
