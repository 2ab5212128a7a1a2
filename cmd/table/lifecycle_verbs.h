// Verbs that make, start, stop and remove containers.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/run_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kAllContainers = {"all", 'a', kBool, "", "Choose all containers"};
inline constexpr Option kNewest = {"latest", 'l', kBool, "", "Choose the container created last"};
inline constexpr Option kIdFile = {
    "cidfile", 0, kList, "FILE", "Choose the container whose id is in FILE", "", Completes::kFiles};
inline constexpr Option kChosenBy = {"filter", 'f', kList, "FILTER",
                                     "Choose containers as the filters of ps do"};
inline constexpr Option kStopTime = {"time", 't', kInt, "SECONDS",
                                     "Wait so long before SIGKILL; negative: for ever"};

inline constexpr Option kStart[] = {
    {"all", 0, kBool, "", "Start all containers that do not run"},
    {"attach", 'a', kBool, "", "Stay in the foreground: its output is ours, and its exit code"},
    {"detach-keys", 0, kString, "KEYS", "Keys that leave the container", "ctrl-p,ctrl-q"},
    kChosenBy,
    {"interactive", 'i', kBool, "", "Give the container our standard input; attaches as well"},
    kNewest,
    {"sig-proxy", 0, kBool, "", "Pass signals on to the container", "true"},
};

inline constexpr Option kInit[] = {kAllContainers, kNewest};

inline constexpr Option kStop[] = {
    {"all", 'a', kBool, "", "Stop all containers that run"},
    kIdFile,
    kChosenBy,
    {"ignore", 'i', kBool, "", "Do not complain about a container that does not exist"},
    kNewest,
    kStopTime,
};

inline constexpr Option kKill[] = {
    {"all", 'a', kBool, "", "Signal all containers that run"},
    kIdFile,
    kNewest,
    {"signal", 's', kString, "SIGNAL", "Send this signal, by name or number", "KILL"},
};

inline constexpr Option kRestart[] = {
    kAllContainers, kIdFile, kChosenBy, kNewest, {"running", 0, kBool, "", "Restart only those that run"},
    kStopTime,
};

inline constexpr Option kPause[] = {
    {"all", 'a', kBool, "", "Choose all containers in the state for it"},
    kIdFile,
    kChosenBy,
    kNewest,
};

inline constexpr Option kWait[] = {
    {"condition", 0, kCommaList, "STATE", "Wait for this state, or for one of several", "", Completes::kWords,
     "created running paused stopped exited initialized stopping restarting configured"},
    {"ignore", 0, kBool, "", "Do not complain about a container that does not exist"},
    {"interval", 'i', kString, "DURATION",
     "Accepted for scripts: wolffia is woken, and looks at no interval"},
    kNewest,
};

inline constexpr Option kRm[] = {
    {"all", 'a', kBool, "", "Remove all containers"},
    kIdFile,
    {"filter", 0, kList, "FILTER", "Choose containers as the filters of ps do"},
    {"force", 'f', kBool, "",
     "Kill a container that runs, then remove it; do not complain about a missing one"},
    {"ignore", 'i', kBool, "", "Do not complain about a container that does not exist"},
    kNewest,
    {"time", 't', kInt, "SECONDS",
     "With --force: wait so long for its end before SIGKILL; negative: for ever"},
    {"volumes", 'v', kBool, "", "Remove the anonymous volumes of the container too"},
};

inline constexpr Option kUpdate[] = {
    kBlkioWeight,     kBlkioWeightDevice, kCgroupConf,        kCpuPeriod,      kCpuQuota,
    kCpuShares,       kCpus,              kCpusetCpus,        kCpusetMems,     kDeviceReadBps,
    kDeviceReadIops,  kDeviceWriteBps,    kDeviceWriteIops,   kNewest,         kMemory,
    kMemoryHigh,      kMemoryReservation, kMemorySwap,        kMemorySwappiness, kPidsLimit,
    {"restart", 0, kString, "POLICY",
     "Start it again when it ends: no, on-failure[:N], always, unless-stopped", "", Completes::kWords,
     "no on-failure always unless-stopped"},
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
    Verb{.name = "init",
         .aliases = "container init",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Prepare containers: all but the command itself is started",
         .options = kInit,
         .completes = Completes::kContainers},
    Verb{.name = "start",
         .aliases = "container start",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Start containers that do not run",
         .options = kStart,
         .completes = Completes::kContainers},
    Verb{.name = "stop",
         .aliases = "container stop",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Stop containers",
         .options = kStop,
         .completes = Completes::kContainers},
    Verb{.name = "kill",
         .aliases = "container kill",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Send a signal to containers",
         .options = kKill,
         .completes = Completes::kContainers},
    Verb{.name = "restart",
         .aliases = "container restart",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Stop containers and start them again",
         .options = kRestart,
         .completes = Completes::kContainers},
    Verb{.name = "pause",
         .aliases = "container pause",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Stop the processes of containers for a while",
         .options = kPause,
         .completes = Completes::kContainers},
    Verb{.name = "unpause",
         .aliases = "container unpause",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Let the processes of paused containers go on",
         .options = kPause,
         .completes = Completes::kContainers},
    Verb{.name = "update",
         .aliases = "container update",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Change what containers may use, while they run",
         .options = kUpdate,
         .completes = Completes::kContainers},
    Verb{.name = "wait",
         .aliases = "container wait",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Wait until containers have ended",
         .options = kWait,
         .completes = Completes::kContainers},
    Verb{.name = "rm",
         .aliases = "container rm",
         .arguments = "CONTAINER [CONTAINER...]",
         .summary = "Remove containers",
         .options = kRm,
         .completes = Completes::kContainers},
};

}  // namespace wolffia::table
