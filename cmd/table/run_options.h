// The options of `run` and `create`, by name.
#pragma once

#include "cmd/option.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kRun[] = {
    {"annotation", 0, kList, "KEY=VALUE", "Add an annotation to the container"},
    {"cap-add", 0, kCommaList, "CAP", "Add a capability, or ALL"},
    {"cap-drop", 0, kCommaList, "CAP", "Drop a capability, or ALL"},
    {"cidfile", 0, kString, "FILE", "Write the container's id into FILE, which must not exist", "",
     Completes::kFiles},
    {"entrypoint", 0, kString, "COMMAND",
     "Replace the image's entrypoint: a word, a JSON array, or \"\" for none"},
    {"env", 'e', kList, "NAME[=VALUE]", "Set an environment variable; without a value it is taken from here"},
    {"env-file", 0, kList, "FILE", "Read environment variables from FILE", "", Completes::kFiles},
    {"gidmap", 0, kCommaList, "CONTAINER:FROM:AMOUNT", "Map group ids into the container"},
    {"hostname", 'h', kString, "NAME", "Set the container's host name"},
    {"init", 0, kBool, "", "Run an init that reaps processes and forwards signals"},
    {"interactive", 'i', kBool, "", "Give the container our standard input"},
    {"label", 'l', kList, "KEY=VALUE", "Add a label to the container"},
    {"mount", 0, kList, "type=TYPE,...", "Mount a host path (bind) or a tmpfs"},
    {"name", 0, kString, "NAME", "Name the container"},
    {"network", 0, kString, "MODE", "Network: none or host", "", Completes::kWords, "none host"},
    {"platform", 0, kString, "OS/ARCH", "Use the image for this platform"},
    {"pull", 0, kString, "POLICY", "When to pull: always, missing, never, newer", "", Completes::kWords,
     "always missing never newer"},
    {"quiet", 'q', kBool, "", "Show no progress when pulling"},
    {"read-only", 0, kBool, "", "Make the container's root file system read-only"},
    {"rm", 0, kBool, "", "Remove the container when it has ended"},
    {"rootfs", 0, kBool, "", "Use the directory given in place of IMAGE as the root file system"},
    {"security-opt", 0, kList, "OPTION", "seccomp=FILE, seccomp=unconfined or no-new-privileges", "",
     Completes::kWords, "seccomp= seccomp=unconfined no-new-privileges"},
    {"shm-size", 0, kString, "SIZE", "Size of /dev/shm, for example 64m"},
    {"storage-opt", 0, kList, "KEY=VALUE", "size=SIZE, inodes=N, or upper=kernel, fuse, auto or memory", "",
     Completes::kWords, "size= inodes= upper=auto upper=fuse upper=kernel upper=memory"},
    {"tmpfs", 0, kList, "DIR[:OPTIONS]", "Mount a tmpfs"},
    {"uidmap", 0, kCommaList, "CONTAINER:FROM:AMOUNT", "Map user ids into the container"},
    {"ulimit", 0, kCommaList, "NAME=SOFT[:HARD]", "Set a resource limit"},
    {"user", 'u', kString, "USER[:GROUP]", "Run as this user, by name or id"},
    {"userns", 0, kString, "MODE", "User namespace: host, keep-id, nomap, private", "", Completes::kWords,
     "host keep-id nomap private"},
    {"volume", 'v', kList, "HOST:CONTAINER[:OPTIONS]", "Mount a host path", "", Completes::kFiles},
    {"workdir", 'w', kString, "DIR", "Working directory inside the container"},
};

}  // namespace wolffia::table
