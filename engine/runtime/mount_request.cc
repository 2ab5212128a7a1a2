// The three flags that ask for a mount: -v, --mount and --tmpfs, in the syntax of podman and docker.
#include <algorithm>

#include "engine/config/settings.h"
#include "engine/runtime/run_request.h"
#include "engine/runtime/text_fields.h"
#include "storage/volume_store.h"

namespace wolffia {
namespace {

constexpr std::string_view kPropagations[] = {"private", "rprivate", "slave", "rslave", "shared", "rshared"};
// Passed on to the mount as they are.
constexpr std::string_view kMountOptions[] = {"suid",     "nosuid",     "dev",         "nodev",
                                              "exec",     "noexec",     "noatime",     "nodiratime",
                                              "relatime", "norelatime", "strictatime", "nostrictatime"};
// Accepted because there is nothing to do: z and Z label files for SELinux, and our containers keep the
// user's own domain, so that a label would only lock the user out; the others are for docker on other
// systems.
constexpr std::string_view kNothingToDo[] = {"rw",     "z",         "Z",         "notmpcopyup",
                                             "cached", "delegated", "consistent"};
constexpr std::string_view kUnsupported[] = {"idmap", "tmpcopyup", "upperdir", "workdir"};

template <typename Table>
bool In(std::string_view word, const Table& table) {
  return std::find(std::begin(table), std::end(table), word) != std::end(table);
}

// What a flag is and says, for messages.
struct Flag {
  std::string_view name, text;
  std::unexpected<Error> Wrong(std::string_view why, Code code = Code::kInvalid) const {
    return Fail(code, std::string(name) + " " + std::string(text) + ": " + std::string(why));
  }
};

Result<> SetDestination(std::string_view path, const Flag& flag, MountRequest& mount) {
  if (!path.starts_with('/'))
    return flag.Wrong("invalid container path \"" + std::string(path) + "\", must be an absolute path");
  mount.destination = CleanMountPoint(path);
  if (mount.destination == "/") return flag.Wrong("the container's root cannot be mounted over");
  return {};
}

// A host path: absolute, or relative to where the command runs.
Result<> SetSource(std::string_view path, std::string_view working_directory, const Flag& flag,
                   MountRequest& mount) {
  if (path.empty()) return flag.Wrong("host directory cannot be empty");
  mount.source = CleanMountPoint(
      path.starts_with('/') ? std::string(path) : std::string(working_directory) + "/" + std::string(path));
  return {};
}

// A size of a tmpfs as the kernel takes it: digits and one of k m g t p e or %.
bool IsTmpfsSize(std::string_view text) {
  if (!text.empty() && std::string_view("kKmMgGtTpPeE%").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return ParseDecimal<uint64_t>(text).has_value();
}

bool IsOctalMode(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("01234567") == std::string_view::npos;
}

Result<bool> TakeTmpfsOption(std::string_view option, const Flag& flag, MountRequest& mount) {
  std::vector<std::string_view> pair = SplitFields(option, '=', 2);
  if (pair.size() != 2) return false;
  bool good;
  if (pair[0] == "size" || pair[0] == "nr_inodes" || pair[0] == "nr_blocks")
    good = IsTmpfsSize(pair[1]);
  else if (pair[0] == "mode")
    good = IsOctalMode(pair[1]);
  else if (pair[0] == "uid" || pair[0] == "gid")
    good = ParseDecimal<uint32_t>(pair[1]).has_value();
  else
    return false;
  if (!good) return flag.Wrong("malformed option \"" + std::string(option) + "\"");
  mount.options.emplace_back(option);
  return true;
}

Result<> TakeOption(std::string_view option, const Flag& flag, MountRequest& mount) {
  if (option == "ro") {
    mount.read_only = true;
  } else if (option == "bind" || option == "rbind") {
    mount.recursive = option == "rbind";
  } else if ((option == "U" || option == "O") && mount.type != "tmpfs") {
    (option == "U" ? mount.chown : mount.overlay) = true;
  } else if ((option == "copy" || option == "nocopy") && mount.type != "tmpfs") {
    mount.no_copy = option == "nocopy";  // of a host path nothing is copied in any case
  } else if (In(option, kPropagations)) {
    mount.propagation = option;
  } else if (In(option, kMountOptions)) {
    mount.options.emplace_back(option);
  } else if (In(option.substr(0, option.find('=')), kUnsupported)) {
    return flag.Wrong("option \"" + std::string(option) + "\" is not supported", Code::kUnsupported);
  } else if (!option.empty() && !In(option, kNothingToDo)) {
    if (mount.type != "tmpfs" || !TRY(TakeTmpfsOption(option, flag, mount)))
      return flag.Wrong("unknown mount option \"" + std::string(option) + "\"");
  }
  return {};
}

Result<> TakeOptions(std::string_view options, const Flag& flag, MountRequest& mount) {
  for (std::string_view option : SplitFields(options, ',')) TRY(TakeOption(option, flag, mount));
  return {};
}

// Anything else is the name of a volume, which begins with a letter or a digit.
bool IsHostPath(std::string_view source) {
  return source.starts_with('/') || source.starts_with('.');
}

Result<> SetVolumeName(std::string_view name, const Flag& flag, MountRequest& mount) {
  mount.type = "volume";
  mount.name = name;
  if (auto good = CheckVolumeName(name); !good) return flag.Wrong(good.error().what);
  return {};
}

// One line of CSV: a field with commas or quotes stands in quotes, where "" is a quote. nullopt: a quote is
// not closed.
std::optional<std::vector<std::string>> SplitCsv(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"')
      fields.back() += text[i++];
    else if (text[i] == '"' && (quoted || fields.back().empty()))
      quoted = !quoted;
    else if (text[i] == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += text[i];
  }
  if (quoted) return std::nullopt;
  return fields;
}

Result<bool> ParseBool(std::string_view value, const Flag& flag) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return flag.Wrong("\"" + std::string(value) + "\" is neither true nor false");
}

// The keys that a bind mount has beside its type.
Result<bool> TakeBindKey(std::string_view key, std::string_view value, std::string_view working_directory,
                         const Flag& flag, MountRequest& mount) {
  if (key == "source" || key == "src") {
    TRY(SetSource(value, working_directory, flag, mount));
  } else if (key == "bind-propagation") {
    if (!In(value, kPropagations)) return flag.Wrong("unknown propagation \"" + std::string(value) + "\"");
    mount.propagation = value;
  } else if (key == "bind-nonrecursive") {
    mount.recursive = !TRY(ParseBool(value, flag));
  } else {
    return key == "relabel" || key == "consistency";
  }
  return true;
}

Result<bool> TakeVolumeKey(std::string_view key, std::string_view value, const Flag& flag,
                           MountRequest& mount) {
  if (key == "source" || key == "src")
    TRY(SetVolumeName(value, flag, mount));
  else if (key == "volume-nocopy")
    mount.no_copy = TRY(ParseBool(value, flag));
  else
    return key == "consistency";
  return true;
}

// What is written there is not kept, as with podman: a start finds the image again.
Result<> TakeImageKey(std::string_view key, std::string_view value, const Flag& flag, MountRequest& mount) {
  if (key == "source" || key == "src") {
    mount.name = value;
  } else if (key == "rw" || key == "readwrite" || key == "ro" || key == "readonly") {
    const bool yes = TRY(ParseBool(value, flag)), write = key == "rw" || key == "readwrite";
    mount.overlay = yes == write;
    mount.read_only = !mount.overlay;
  } else if (key == "subpath") {
    return flag.Wrong("a part of an image cannot be mounted: leave subpath out", Code::kUnsupported);
  } else {
    return flag.Wrong("unknown mount option \"" + std::string(key) + "\"");
  }
  return {};
}

Result<bool> TakeTmpfsKey(std::string_view key, std::string_view value, const Flag& flag,
                          MountRequest& mount) {
  if (key == "tmpfs-size") {
    uint64_t size = TRY_WITH(ParseSize(value), std::string(flag.name) + " tmpfs-size");
    mount.options.push_back("size=" + std::to_string(size));
    return true;
  }
  if (key != "tmpfs-mode") return false;
  if (!IsOctalMode(value)) return flag.Wrong("tmpfs-mode is an octal number, as in 1777");
  mount.options.push_back("mode=" + std::string(value));
  return true;
}

Result<> TakeKey(std::string_view field, std::string_view working_directory, const Flag& flag,
                 MountRequest& mount) {
  size_t equals = field.find('=');
  std::string_view key = field.substr(0, equals);
  std::string_view value = equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
  if (key == "type") return {};
  if (key == "destination" || key == "dst" || key == "target") return SetDestination(value, flag, mount);
  if (mount.type == "image") return TakeImageKey(key, value, flag, mount);
  if (key == "readonly" || key == "ro" || key == "rw") {
    bool yes = TRY(ParseBool(value, flag));
    mount.read_only = key == "rw" ? !yes : yes;
    return {};
  }
  if ((key == "U" || key == "chown") && mount.type != "tmpfs") {
    mount.chown = TRY(ParseBool(value, flag));
    return {};
  }
  bool taken = mount.type == "bind"     ? TRY(TakeBindKey(key, value, working_directory, flag, mount))
               : mount.type == "volume" ? TRY(TakeVolumeKey(key, value, flag, mount))
                                        : TRY(TakeTmpfsKey(key, value, flag, mount));
  return taken ? Result<>() : TakeOption(field, flag, mount);
}

}  // namespace

std::string CleanMountPoint(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::string_view part : SplitFields(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(part);
    }
  }
  std::string clean;
  for (std::string_view part : kept) clean += "/" + std::string(part);
  return clean.empty() ? "/" : clean;
}

Result<MountRequest> ParseVolumeFlag(std::string_view text, std::string_view working_directory) {
  Flag flag{"-v", text};
  std::vector<std::string_view> fields = SplitFields(text, ':');
  if (text.empty() || fields.size() > 3)
    return flag.Wrong("incorrect volume format, should be host-dir:ctr-dir[:option]");
  MountRequest mount;
  if (fields.size() == 1)
    mount.type = "volume";
  else if (fields[0].empty() || IsHostPath(fields[0]))
    TRY(SetSource(fields[0], working_directory, flag, mount));
  else
    TRY(SetVolumeName(fields[0], flag, mount));
  TRY(SetDestination(fields[fields.size() == 1 ? 0 : 1], flag, mount));
  if (fields.size() == 3) TRY(TakeOptions(fields[2], flag, mount));
  return mount;
}

Result<MountRequest> ParseMountFlag(std::string_view text, std::string_view working_directory) {
  Flag flag{"--mount", text};
  std::optional<std::vector<std::string>> fields = SplitCsv(text);
  if (!fields) return flag.Wrong("a quote is not closed");
  MountRequest mount{.type = "volume"};
  for (const std::string& field : *fields)
    if (field.starts_with("type=")) mount.type = field.substr(5);
  if (mount.type == "glob" || mount.type == "devpts" || mount.type == "ramfs")
    return flag.Wrong("type " + mount.type + " is not supported (bind, volume, tmpfs and image are)",
                      Code::kUnsupported);
  if (mount.type != "bind" && mount.type != "tmpfs" && mount.type != "volume" && mount.type != "image")
    return flag.Wrong("invalid filesystem type \"" + mount.type + "\"");
  mount.read_only = mount.type == "image";
  for (const std::string& field : *fields) TRY(TakeKey(field, working_directory, flag, mount));
  if (mount.type == "image" && (mount.destination.empty() || mount.name.empty()))
    return flag.Wrong("must set source and destination for image volume");
  if (mount.destination.empty()) return flag.Wrong("must set volume destination");
  if (mount.type == "bind" && mount.source.empty()) mount.source = mount.destination;
  return mount;
}

Result<MountRequest> ParseTmpfsFlag(std::string_view text) {
  Flag flag{"--tmpfs", text};
  MountRequest mount{.type = "tmpfs"};
  std::vector<std::string_view> fields = SplitFields(text, ':', 2);
  TRY(SetDestination(fields[0], flag, mount));
  if (fields.size() == 2) TRY(TakeOptions(fields[1], flag, mount));
  return mount;
}

}  // namespace wolffia
