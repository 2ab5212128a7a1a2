// Verbs of volumes and secrets.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kVolumeCreate[] = {
    {"driver", 'd', kString, "NAME", "Driver; there is only local", "local", Completes::kWords, "local"},
    {"ignore", 0, kBool, "", "Do not complain about a volume that exists"},
    {"label", 'l', kList, "KEY=VALUE", "Add a label to the volume"},
    {"opt", 'o', kList, "KEY=VALUE", "type=tmpfs, or o=bind and device=DIRECTORY", "", Completes::kWords,
     "type= device= o="},
};

inline constexpr Option kVolumeInspect[] = {
    {"all", 'a', kBool, "", "Show all volumes"},
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
};

inline constexpr Option kVolumeLs[] = {
    {"filter", 'f', kList, "FILTER",
     "after=VOLUME, dangling=BOOL, driver=NAME, label=KEY[=VALUE], label!=KEY, name=PART, opt=KEY[=VALUE], "
     "scope=local, since=VOLUME, until=TIME"},
    kFormatOption,
    {"noheading", 'n', kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print names only"},
};

inline constexpr Option kVolumePrune[] = {
    {"filter", 0, kList, "FILTER", "anonymous=BOOL, label=KEY[=VALUE], label!=KEY, name=PART, until=TIME"},
    {"force", 'f', kBool, "", "Do not ask"},
};

inline constexpr Option kVolumeRm[] = {
    {"all", 'a', kBool, "", "Remove all volumes"},
    {"force", 'f', kBool, "", "Remove the containers that use it too; do not complain about a missing one"},
};

inline constexpr Option kSecretCreate[] = {
    {"driver", 'd', kString, "NAME", "Driver; there is only file", "file", Completes::kWords, "file"},
    {"env", 0, kBool, "", "Take the value of an environment variable in place of a file"},
    {"label", 'l', kList, "KEY=VALUE", "Add a label to the secret"},
    {"replace", 0, kBool, "", "Replace a secret of this name"},
};

inline constexpr Option kSecretInspect[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
    {"pretty", 0, kBool, "", "Print for people"},
};

inline constexpr Option kSecretLs[] = {
    {"filter", 'f', kList, "FILTER", "id=ID, label=KEY[=VALUE], name=PART"},
    kFormatOption,
    {"noheading", 'n', kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print ids only"},
};

inline constexpr Option kSecretRm[] = {
    {"all", 'a', kBool, "", "Remove all secrets"},
    {"ignore", 'i', kBool, "", "Do not complain about a secret that does not exist"},
};

inline constexpr std::array kVolumesVerbs = {
    Verb{.name = "volume create",
         .aliases = "",
         .arguments = "[NAME]",
         .summary = "Make a volume",
         .options = kVolumeCreate,
         .max_arguments = 1},
    Verb{.name = "volume exists",
         .aliases = "",
         .arguments = "VOLUME",
         .summary = "Tell by the exit code whether a volume exists",
         .options = {},
         .min_arguments = 1,
         .max_arguments = 1},
    Verb{.name = "volume inspect",
         .aliases = "",
         .arguments = "VOLUME [VOLUME...]",
         .summary = "Show the details of volumes",
         .options = kVolumeInspect},
    Verb{.name = "volume ls",
         .aliases = "volume list",
         .arguments = "",
         .summary = "List volumes",
         .options = kVolumeLs,
         .max_arguments = 0},
    Verb{.name = "volume prune",
         .aliases = "",
         .arguments = "",
         .summary = "Remove all volumes that no container uses",
         .options = kVolumePrune,
         .max_arguments = 0},
    Verb{.name = "volume rm",
         .aliases = "volume remove",
         .arguments = "VOLUME [VOLUME...]",
         .summary = "Remove volumes",
         .options = kVolumeRm},
    Verb{.name = "secret create",
         .aliases = "",
         .arguments = "NAME FILE|-",
         .summary = "Keep a secret for containers",
         .options = kSecretCreate,
         .min_arguments = 2,
         .max_arguments = 2,
         .completes = Completes::kFiles},
    Verb{.name = "secret exists",
         .aliases = "",
         .arguments = "SECRET",
         .summary = "Tell by the exit code whether a secret exists",
         .options = {},
         .min_arguments = 1,
         .max_arguments = 1},
    Verb{.name = "secret inspect",
         .aliases = "",
         .arguments = "SECRET [SECRET...]",
         .summary = "Show the details of secrets, but not what they are",
         .options = kSecretInspect,
         .min_arguments = 1},
    Verb{.name = "secret ls",
         .aliases = "secret list",
         .arguments = "",
         .summary = "List secrets",
         .options = kSecretLs,
         .max_arguments = 0},
    Verb{.name = "secret rm",
         .aliases = "secret remove",
         .arguments = "SECRET [SECRET...]",
         .summary = "Remove secrets",
         .options = kSecretRm},
};

}  // namespace wolffia::table
