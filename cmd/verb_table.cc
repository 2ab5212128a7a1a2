// The table. Order of options: by name, as --help prints them. Order of verbs: as --help prints them.
#include "cmd/option.h"

namespace wolffia {
namespace {

using enum OptionKind;

constexpr Option kGlobal[] = {
    {"config", 0, kString, "FILE", "Read the settings from FILE alone", "", Completes::kFiles},
    {"log-level", 0, kString, "LEVEL",
     "Log messages of this level and above: error, warn, info, debug, trace", "warn", Completes::kWords,
     "error warn info debug trace"},
    {"root", 0, kString, "DIR", "Directory of images and containers", "", Completes::kDirectories},
    {"runroot", 0, kString, "DIR", "Directory of state that is gone at reboot", "", Completes::kDirectories},
    {"version", 'v', kBool, "", "Print the version"},
};

constexpr Option kFormatOption = {"format", 0, kString, "FORMAT", "Print as JSON (json) or by a Go template"};

constexpr Option kRun[] = {
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

constexpr Option kStart[] = {
    {"attach", 'a', kBool, "", "Stay in the foreground: its output is ours, and its exit code"},
    {"interactive", 'i', kBool, "", "Give the container our standard input; attaches as well"},
};

constexpr Option kPull[] = {
    {"authfile", 0, kString, "FILE", "Read credentials from FILE", "", Completes::kFiles},
    {"cert-dir", 0, kString, "DIR", "Directory with the registry's CA and client certificates", "",
     Completes::kDirectories},
    {"creds", 0, kString, "USER[:PASSWORD]", "Credentials for the registry"},
    {"platform", 0, kString, "OS/ARCH", "Pull the image for this platform"},
    {"policy", 0, kString, "POLICY", "When to pull: always, missing, never, newer", "always",
     Completes::kWords, "always missing never newer"},
    {"quiet", 'q', kBool, "", "Show no progress"},
    {"tls-verify", 0, kBool, "", "Require HTTPS and verify certificates", "true"},
};

constexpr Option kLoad[] = {
    {"input", 'i', kString, "FILE", "Read the archive from FILE instead of the standard input", "",
     Completes::kFiles},
    {"quiet", 'q', kBool, "", "Show no progress"},
};

constexpr Option kImages[] = {
    {"all", 'a', kBool, "", "Show all images; wolffia keeps no intermediate ones, so this adds none"},
    {"digests", 0, kBool, "", "Show digests"},
    {"filter", 'f', kList, "FILTER",
     "reference=PATTERN, dangling=BOOL, label=KEY[=VALUE], id=ID, before=IMAGE, since=IMAGE"},
    kFormatOption,
    {"no-trunc", 0, kBool, "", "Do not shorten ids"},
    {"noheading", 'n', kBool, "", "Print no column headings"},
    {"quiet", 'q', kBool, "", "Print ids only"},
    {"sort", 0, kString, "KEY", "Sort by created, id, repository, size or tag", "created", Completes::kWords,
     "created id repository size tag"},
};

constexpr Option kRmi[] = {
    {"all", 'a', kBool, "", "Remove all images"},
    {"force", 'f', kBool, "", "Remove the image's containers and all of its names too"},
    {"ignore", 'i', kBool, "", "Do not complain about an image that does not exist"},
};

constexpr Option kPs[] = {
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

constexpr Option kRm[] = {
    {"all", 'a', kBool, "", "Remove all containers"},
    {"force", 'f', kBool, "",
     "Kill a container that runs, then remove it; do not complain about a missing one"},
    {"ignore", 'i', kBool, "", "Do not complain about a container that does not exist"},
};

constexpr Option kInspect[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
    {"type", 't', kString, "TYPE", "What to look for: container, image or all", "all", Completes::kWords,
     "all container image"},
};

constexpr Option kFormatOnly[] = {
    {"format", 'f', kString, "FORMAT", "Print as JSON (json) or by a Go template"},
};

constexpr Option kSystemCheck[] = {
    {"quiet", 'q', kBool, "", "Show no progress and no harmless findings"},
    {"repair", 'r', kBool, "", "Make damaged indexes again, remove orphans and damaged blobs"},
};

constexpr Option kAcquire[] = {
    {"platform", 0, kString, "OS/ARCH", "Pull the image for this platform"},
    {"policy", 0, kString, "POLICY", "missing, never, always or newer", "missing"},
    {"quiet", 'q', kBool, "", "Show no progress"},
};

constexpr Verb kVerbs[] = {
    {.name = "run",
     .aliases = "container run",
     .arguments = "IMAGE [COMMAND [ARG...]]",
     .summary = "Run a command in a new container",
     .options = kRun,
     .min_arguments = 1,
     .completes = Completes::kImages,
     .stops_at_argument = true},
    {.name = "create",
     .aliases = "container create",
     .arguments = "IMAGE [COMMAND [ARG...]]",
     .summary = "Make a container without starting it",
     .options = kRun,
     .min_arguments = 1,
     .completes = Completes::kImages,
     .stops_at_argument = true},
    {.name = "start",
     .aliases = "container start",
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Start containers that do not run",
     .options = kStart,
     .min_arguments = 1,
     .completes = Completes::kContainers},
    {.name = "ps",
     .aliases = "container ls|container list|container ps",
     .arguments = "",
     .summary = "List containers",
     .options = kPs,
     .max_arguments = 0},
    {.name = "rm",
     .aliases = "container rm",
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Remove containers",
     .options = kRm,
     .completes = Completes::kContainers},
    {.name = "inspect",
     .aliases = "",
     .arguments = "CONTAINER|IMAGE [CONTAINER|IMAGE...]",
     .summary = "Show the details of containers and images",
     .options = kInspect,
     .min_arguments = 1,
     .completes = Completes::kImagesAndContainers},
    {.name = "pull",
     .aliases = "image pull",
     .arguments = "IMAGE [IMAGE...]",
     .summary = "Fetch images from a registry, a directory or an archive",
     .options = kPull,
     .min_arguments = 1,
     .completes = Completes::kImages,
     .heavy = true},
    {.name = "load",
     .aliases = "image load",
     .arguments = "",
     .summary = "Load images from an archive",
     .options = kLoad,
     .max_arguments = 0,
     .heavy = true},
    {.name = "images",
     .aliases = "image ls|image list|image",
     .arguments = "[IMAGE]",
     .summary = "List images",
     .options = kImages,
     .max_arguments = 1,
     .completes = Completes::kImages},
    {.name = "tag",
     .aliases = "image tag",
     .arguments = "IMAGE NAME [NAME...]",
     .summary = "Give an image another name",
     .options = {},
     .min_arguments = 2,
     .completes = Completes::kImages},
    {.name = "rmi",
     .aliases = "image rm",
     .arguments = "IMAGE [IMAGE...]",
     .summary = "Remove images",
     .options = kRmi,
     .completes = Completes::kImages},
    {.name = "info",
     .aliases = "system info",
     .arguments = "",
     .summary = "Show host, store and settings, and where each setting comes from",
     .options = kFormatOnly,
     .max_arguments = 0},
    {.name = "system check",
     .aliases = "",
     .arguments = "",
     .summary = "Verify the store",
     .options = kSystemCheck,
     .max_arguments = 0,
     .heavy = true},
    {.name = "version",
     .aliases = "",
     .arguments = "",
     .summary = "Show the version",
     .options = kFormatOnly,
     .max_arguments = 0},
    {.name = "completion",
     .aliases = "",
     .arguments = "bash|zsh|fish",
     .summary = "Print a completion script for a shell",
     .options = {},
     .min_arguments = 1,
     .max_arguments = 1,
     .completes = Completes::kWords,
     .words = "bash zsh fish"},
    {.name = "help",
     .aliases = "",
     .arguments = "[VERB]",
     .summary = "Show help",
     .options = {},
     .max_arguments = 2,
     .completes = Completes::kVerbs},
    // Of our own programs: wolffia starts wolffia-image with these.
    {.name = "internal-acquire",
     .aliases = "",
     .arguments = "IMAGE",
     .summary = "Pull an image or load the built-in one, and print its id",
     .options = kAcquire,
     .min_arguments = 1,
     .max_arguments = 1,
     .heavy = true,
     .hidden = true},
    {.name = "internal-index",
     .aliases = "",
     .arguments = "DIFF-ID [DIFF-ID...]",
     .summary = "Make the index of a chain of layers again",
     .options = {},
     .min_arguments = 1,
     .heavy = true,
     .hidden = true},
};

bool HasAlias(std::string_view aliases, std::string_view name) {
  while (!aliases.empty()) {
    size_t bar = aliases.find('|');
    if (aliases.substr(0, bar) == name) return true;
    aliases = bar == std::string_view::npos ? "" : aliases.substr(bar + 1);
  }
  return false;
}

}  // namespace

std::span<const Option> GlobalOptions() {
  return kGlobal;
}
std::span<const Verb> Verbs() {
  return kVerbs;
}

const Verb* FindVerb(std::string_view name) {
  for (const Verb& verb : kVerbs)
    if (verb.name == name || HasAlias(verb.aliases, name)) return &verb;
  return nullptr;
}

const Option* FindOption(std::span<const Option> options, std::string_view name) {
  for (const Option& option : options)
    if (option.name == name) return &option;
  return nullptr;
}

const Option* FindOption(std::span<const Option> options, char letter) {
  for (const Option& option : options)
    if (option.letter == letter && letter != 0) return &option;
  return nullptr;
}

}  // namespace wolffia
