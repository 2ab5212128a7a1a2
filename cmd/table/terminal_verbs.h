// Verbs that talk to a running container: attach, exec.
#pragma once

#include <array>

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kAttach[] = {
    {"detach-keys", 0, kString, "KEYS",
     "Keys that leave the container running: ctrl-LETTER or characters, by commas", "ctrl-p,ctrl-q"},
    {"latest", 'l', kBool, "", "The container that was made last"},
    {"no-stdin", 0, kBool, "", "Do not give the container our standard input"},
    {"sig-proxy", 0, kBool, "", "Pass signals that we get on to the container", "true"},
};

inline constexpr Option kExec[] = {
    {"detach", 'd', kBool, "", "Leave the command in the background and print the session's id"},
    {"detach-keys", 0, kString, "KEYS",
     "Keys that leave the command running: ctrl-LETTER or characters, by commas", "ctrl-p,ctrl-q"},
    {"env", 'e', kList, "NAME[=VALUE]", "Set an environment variable; without a value it is taken from here"},
    {"env-file", 0, kList, "FILE", "Read environment variables from FILE", "", Completes::kFiles},
    {"interactive", 'i', kBool, "", "Give the command our standard input"},
    {"latest", 'l', kBool, "", "The container that was made last"},
    {"privileged", 0, kBool, "", "Give the command all capabilities that the container's user namespace has"},
    {"tty", 't', kBool, "", "Give the command a terminal"},
    {"user", 'u', kString, "USER[:GROUP]", "Run as this user of the container, by name or number"},
    {"workdir", 'w', kString, "DIR", "Run in this directory of the container"},
};

inline constexpr std::array kTerminalVerbs = {
    Verb{.name = "attach",
         .aliases = "container attach",
         .arguments = "CONTAINER",
         .summary = "Connect to the standard streams of a running container",
         .options = kAttach,
         .max_arguments = 1,
         .completes = Completes::kContainers},
    Verb{.name = "exec",
         .aliases = "container exec",
         .arguments = "CONTAINER COMMAND [ARG...]",
         .summary = "Run a command in a running container",
         .options = kExec,
         .completes = Completes::kContainers,
         .stops_at_argument = true},
};

}  // namespace wolffia::table
