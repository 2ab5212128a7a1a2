// Verbs that copy files of containers: cp, diff, export, import. wolffia-image executes them.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kCp[] = {
    {"archive", 'a', kBool, "", "What is copied to a container belongs to the container's user", "true"},
    {"overwrite", 0, kBool, "", "Let directories make way for files, and files for directories"},
};

inline constexpr Option kDiff[] = {
    {"format", 0, kString, "FORMAT", "Print as JSON (json)"},
    {"latest", 'l', kBool, "", "Of the container created last"},
};

inline constexpr Option kExport[] = {
    {"output", 'o', kString, "FILE", "Write to this file, not to standard output", "", Completes::kFiles},
};

inline constexpr Option kImport[] = {
    {"arch", 0, kString, "ARCH", "Architecture of the image; that of this host if not given"},
    {"change", 'c', kList, "INSTRUCTION",
     "Apply CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR to the image"},
    {"message", 'm', kString, "TEXT", "Comment in the image's history"},
    {"os", 0, kString, "OS", "Operating system of the image", "linux"},
    {"quiet", 'q', kBool, "", "Print the image's id only"},
    kSignaturePolicyOption,
    {"variant", 0, kString, "VARIANT", "Variant of the architecture"},
};

inline constexpr std::array kCopyVerbs = {
    Verb{.name = "cp",
         .aliases = "container cp",
         .arguments = "[CONTAINER:]SOURCE [CONTAINER:]DESTINATION",
         .summary = "Copy files between a container and the host",
         .options = kCp,
         .min_arguments = 2,
         .max_arguments = 2,
         .completes = Completes::kFiles,
         .heavy = true},
    Verb{.name = "diff",
         .aliases = "container diff",
         .arguments = "[CONTAINER]",
         .summary = "Show what a container has changed of its image's files",
         .options = kDiff,
         .max_arguments = 1,
         .completes = Completes::kContainers,
         .heavy = true},
    Verb{.name = "export",
         .aliases = "container export",
         .arguments = "CONTAINER",
         .summary = "Write a container's file system as a tar archive",
         .options = kExport,
         .min_arguments = 1,
         .max_arguments = 1,
         .completes = Completes::kContainers,
         .heavy = true},
    Verb{.name = "import",
         .aliases = "image import",
         .arguments = "FILE|URL|- [NAME]",
         .summary = "Make an image of a tar archive of a file system",
         .options = kImport,
         .min_arguments = 1,
         .max_arguments = 2,
         .completes = Completes::kFiles,
         .heavy = true},
};

}  // namespace wolffia::table
