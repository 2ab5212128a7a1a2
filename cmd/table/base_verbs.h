// Verbs of images, of the store and of the program itself.
#pragma once

#include <array>

#include "cmd/option.h"
#include "cmd/table/shared_options.h"

namespace wolffia::table {

using enum OptionKind;

inline constexpr Option kPull[] = {
    {"authfile", 0, kString, "FILE", "Read credentials from FILE", "", Completes::kFiles},
    {"cert-dir", 0, kString, "DIR", "Directory with the registry's CA and client certificates", "",
     Completes::kDirectories},
    {"creds", 0, kString, "USER[:PASSWORD]", "Credentials for the registry"},
    {"platform", 0, kString, "OS/ARCH", "Pull the image for this platform"},
    {"policy", 0, kString, "POLICY", "When to pull: always, missing, never, newer", "always",
     Completes::kWords, "always missing never newer"},
    {"quiet", 'q', kBool, "", "Show no progress"},
    kSignaturePolicyOption,
    {"tls-verify", 0, kBool, "", "Require HTTPS and verify certificates", "true"},
};

inline constexpr Option kLoad[] = {
    {"input", 'i', kString, "FILE", "Read the archive from FILE instead of the standard input", "",
     Completes::kFiles},
    {"quiet", 'q', kBool, "", "Show no progress"},
    kSignaturePolicyOption,
};

inline constexpr Option kImages[] = {
    {"all", 'a', kBool, "", "Show all images; wolffia keeps no intermediate ones, so this adds none"},
    {"digests", 0, kBool, "", "Show digests"},
    {"filter", 'f', kList, "FILTER",
     "reference=PATTERN, dangling=BOOL, label=KEY[=VALUE], id=ID, before=IMAGE, since=IMAGE"},
    kFormatOption,
    {"no-trunc", 0, kBool, "", "Do not shorten ids"},
    {"noheading", 'n', kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print ids only"},
    {"signature-policy", 0, kString, "FILE", "With --verify: by this policy.toml instead of the user's", "",
     Completes::kFiles},
    {"sort", 0, kString, "KEY", "Sort by created, id, repository, size or tag", "created", Completes::kWords,
     "created id repository size tag"},
    {"verify", 0, kBool, "",
     "Show what the signature policy says of each image now; exit with 1 if it rejects one"},
};

inline constexpr Option kRmi[] = {
    {"all", 'a', kBool, "", "Remove all images"},
    {"force", 'f', kBool, "", "Remove the image's containers and all of its names too"},
    {"ignore", 'i', kBool, "", "Do not complain about an image that does not exist"},
};

inline constexpr Option kFormatOnly[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
};

inline constexpr Option kSystemCheck[] = {
    {"force", 'f', kBool, "", "With --repair: remove damaged content that could not be fetched again"},
    {"quiet", 'q', kBool, "", "Show no progress and no harmless findings"},
    {"repair", 'r', kBool, "", "Fetch damaged content again, make indexes again, remove orphans"},
};

inline constexpr Option kAcquire[] = {
    {"platform", 0, kString, "OS/ARCH", "Pull the image for this platform"},
    {"policy", 0, kString, "POLICY", "missing, never, always or newer", "missing"},
    {"quiet", 'q', kBool, "", "Show no progress"},
    kSignaturePolicyOption,
};

inline constexpr Option kVerify[] = {
    kSignaturePolicyOption,
};

inline constexpr std::array kBaseVerbs = {
    Verb{.name = "pull",
         .aliases = "image pull",
         .arguments = "IMAGE [IMAGE...]",
         .summary = "Fetch images from a registry, a directory or an archive",
         .options = kPull,
         .min_arguments = 1,
         .completes = Completes::kImages,
         .heavy = true},
    Verb{.name = "load",
         .aliases = "image load",
         .arguments = "",
         .summary = "Load images from an archive",
         .options = kLoad,
         .max_arguments = 0,
         .heavy = true},
    Verb{.name = "images",
         .aliases = "image ls|image list|image",
         .arguments = "[IMAGE]",
         .summary = "List images",
         .options = kImages,
         .max_arguments = 1,
         .completes = Completes::kImages},
    Verb{.name = "tag",
         .aliases = "image tag",
         .arguments = "IMAGE NAME [NAME...]",
         .summary = "Give an image another name",
         .options = {},
         .min_arguments = 2,
         .completes = Completes::kImages},
    Verb{.name = "rmi",
         .aliases = "image rm",
         .arguments = "IMAGE [IMAGE...]",
         .summary = "Remove images",
         .options = kRmi,
         .completes = Completes::kImages},
    Verb{.name = "info",
         .aliases = "system info",
         .arguments = "",
         .summary = "Show host, store and settings, and where each setting comes from",
         .options = kFormatOnly,
         .max_arguments = 0},
    Verb{.name = "system check",
         .aliases = "",
         .arguments = "",
         .summary = "Verify the store",
         .options = kSystemCheck,
         .max_arguments = 0,
         .heavy = true},
    Verb{.name = "version",
         .aliases = "",
         .arguments = "",
         .summary = "Show the version",
         .options = kFormatOnly,
         .max_arguments = 0},
    Verb{.name = "completion",
         .aliases = "",
         .arguments = "bash|zsh|fish",
         .summary = "Print a completion script for a shell",
         .options = {},
         .min_arguments = 1,
         .max_arguments = 1,
         .completes = Completes::kWords,
         .words = "bash zsh fish"},
    Verb{.name = "help",
         .aliases = "",
         .arguments = "[VERB]",
         .summary = "Show help",
         .options = {},
         .max_arguments = 2,
         .completes = Completes::kVerbs},
    Verb{.name = "internal-acquire",
         .aliases = "",
         .arguments = "IMAGE",
         .summary = "Pull an image or load the built-in one, and print its id",
         .options = kAcquire,
         .min_arguments = 1,
         .max_arguments = 1,
         .heavy = true,
         .hidden = true},
    Verb{.name = "internal-verify",
         .aliases = "",
         .arguments = "IMAGE",
         .summary = "Verify an image of the store by the policy of now, and remember it",
         .options = kVerify,
         .min_arguments = 1,
         .max_arguments = 1,
         .heavy = true,
         .hidden = true},
    Verb{.name = "internal-index",
         .aliases = "",
         .arguments = "DIFF-ID [DIFF-ID...]",
         .summary = "Make the index of a chain of layers again",
         .options = {},
         .min_arguments = 1,
         .heavy = true,
         .hidden = true},
};

}  // namespace wolffia::table
