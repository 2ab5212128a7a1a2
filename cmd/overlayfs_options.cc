#include "cmd/overlayfs_options.h"

#include <sys/mount.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace wolffia {
namespace {

std::unexpected<Error> Refuse(std::string_view option, std::string_view why) {
  return Fail(Code::kInvalid, "option " + std::string(option) + ": " + std::string(why));
}

// --- Splitting ---

// "a,b=c\,d": at commas that have no backslash before them and stand in no quotes. A backslash stays before
// everything but a comma and a backslash: paths have their own use for it.
std::vector<std::string> SplitOptions(std::string_view text) {
  std::vector<std::string> options(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted) {
      options.emplace_back();
      continue;
    }
    bool escape = c == '\\' && i + 1 < text.size();
    if (escape && (text[i + 1] == ',' || text[i + 1] == '\\')) c = text[++i];
    options.back() += c;
  }
  std::erase(options, "");
  return options;
}

// "a:b\:c": at colons that have no backslash before them; other escapes are taken off.
std::vector<std::string> SplitPaths(std::string_view text, bool at_colons) {
  std::vector<std::string> paths(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':' && at_colons) {
      paths.emplace_back();
      continue;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    paths.back() += text[i];
  }
  return paths;
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// --- What each option does ---

// State while options are read: parts of a map come from several options.
struct Reader {
  OverlayfsOptions options;
  std::vector<OwnerRange> users, groups;
  std::optional<uint32_t> squash_user, squash_group;
  bool squash_to_root = false;
};

using Apply = Result<> (*)(Reader& reader, const std::string& option, const std::string& value);

Result<> SetSwitch(bool* target, const std::string& option, const std::string& value, bool when_set = true) {
  if (value != "" && value != "0" && value != "1") return Refuse(option, "must be 0 or 1");
  *target = (value != "0") == when_set;
  return {};
}

// Asks for something that is right and cheap either way.
Result<> CheckSwitch(Reader&, const std::string& option, const std::string& value) {
  bool either;
  return SetSwitch(&either, option, value);
}

Result<> SetPath(std::string* target, const std::string& option, const std::string& value) {
  *target = SplitPaths(value, false).front();
  if (target->empty()) return Refuse(option, "names no directory");
  return {};
}

// "DISK:SHOWN:COUNT[:DISK:SHOWN:COUNT...]"
Result<> SetRanges(std::vector<OwnerRange>* ranges, const std::string& option, std::string value) {
  if (value.starts_with(':')) value.erase(0, 1);
  std::vector<uint32_t> numbers;
  for (const std::string& field : SplitPaths(value, true)) {
    auto number = ParseNumber<uint32_t>(field);
    if (!number)
      return Refuse(option, "'" + field + "' is no id; ranges are DISK:SHOWN:COUNT, separated by colons");
    numbers.push_back(*number);
  }
  if (numbers.size() % 3 != 0) return Refuse(option, "ranges are DISK:SHOWN:COUNT, separated by colons");
  for (size_t i = 0; i < numbers.size(); i += 3) {
    OwnerRange range{.disk = numbers[i], .shown = numbers[i + 1], .count = numbers[i + 2]};
    if (range.count == 0 || range.disk > UINT32_MAX - range.count || range.shown > UINT32_MAX - range.count)
      return Refuse(option, "a range holds at least one id and ends below 4294967295");
    ranges->push_back(range);
  }
  return {};
}

Result<> SetId(std::optional<uint32_t>* target, const std::string& option, const std::string& value) {
  *target = ParseNumber<uint32_t>(value);
  if (!*target || **target == UINT32_MAX) return Refuse(option, "'" + value + "' is no id");
  return {};
}

Result<> SetLower(Reader& r, const std::string& option, const std::string& value) {
  r.options.lower = SplitPaths(value, true);
  for (const std::string& path : r.options.lower) {
    if (path.empty())
      return Refuse(option, "one of the directories has no name; escape a colon in a name as \\:");
    if (path.starts_with("//")) return Refuse(option, path + ": plugins are not supported; name a directory");
  }
  return {};
}

Result<> SetTimeout(Reader& r, const std::string& option, const std::string& value) {
  char* end = nullptr;
  double seconds = strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0)
    return Refuse(option, "'" + value + "' is no number of seconds");
  r.options.timeout = seconds;
  return {};
}

Result<> SetIds(Reader& r, const std::string& option, const std::string& value) {
  if (value == "0")
    r.options.ids = UpperIds::kNative;
  else if (value == "2")
    r.options.ids = UpperIds::kOverride;
  else if (value == "1")
    return Refuse(
        option,
        "attributes that only root may write (1) are not supported; use 2, which keeps owners and modes "
        "in user.containers.override_stat");
  else
    return Refuse(option, "must be 0 (the host's owners and modes) or 2 (user.containers.override_stat)");
  return {};
}

Result<> SetRedirects(Reader& r, const std::string& option, const std::string& value) {
  if (value != "on" && value != "off" && value != "follow" && value != "nofollow")
    return Refuse(option, "must be on, off, follow or nofollow");
  if (value == "nofollow") return Refuse(option, "redirects of the layers are always followed");
  r.options.redirects = value == "on";
  return {};
}

// "off" lets inode numbers change from mount to mount; they do not, all the same.
Result<> SetInodeNumbers(Reader&, const std::string& option, const std::string& value) {
  if (value == "on" || value == "auto" || value == "off") return {};
  return Refuse(option, "must be on, auto or off");
}

// Mount options that the kernel or fusermount3 knows and that have a value: as they are.
Result<> AddExtra(Reader& r, const std::string& option, const std::string& value) {
  if (value.empty()) return Refuse(option, "needs a value");
  if (value.find('\n') != value.npos || value.find('\\') != value.npos)
    return Refuse(option, "must not hold a backslash or a newline");
  r.options.extra.push_back(option + "=" + value);
  return {};
}

Result<> SetMaxRead(Reader& r, const std::string& option, const std::string& value) {
  auto size = ParseNumber<uint32_t>(value);
  if (!size || *size < 4096) return Refuse(option, "must be a number of bytes, 4096 or more");
  return AddExtra(r, option, value);
}

Result<> SetLabel(std::string* target, const std::string& option, const std::string& value) {
  if (value.empty() || value.find_first_of(",\\\n") != value.npos)
    return Refuse(option, "must be a name without comma, backslash and newline");
  *target = value;
  return {};
}

enum class Value { kNone, kOptional, kNeeded };
struct Known {
  std::string_view name;
  Value value;
  Apply apply;
};
constexpr Known kKnown[] = {
    {"lowerdir", Value::kNeeded, SetLower},
    {"upperdir", Value::kNeeded, [](Reader& r, auto& o, auto& v) { return SetPath(&r.options.upper, o, v); }},
    {"workdir", Value::kNeeded, [](Reader& r, auto& o, auto& v) { return SetPath(&r.options.work, o, v); }},
    {"redirect_dir", Value::kNeeded, SetRedirects},
    {"context", Value::kNeeded, AddExtra},
    {"uidmapping", Value::kNeeded, [](Reader& r, auto& o, auto& v) { return SetRanges(&r.users, o, v); }},
    {"gidmapping", Value::kNeeded, [](Reader& r, auto& o, auto& v) { return SetRanges(&r.groups, o, v); }},
    {"squash_to_root", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.squash_to_root, o, v); }},
    {"squash_to_uid", Value::kNeeded,
     [](Reader& r, auto& o, auto& v) { return SetId(&r.squash_user, o, v); }},
    {"squash_to_gid", Value::kNeeded,
     [](Reader& r, auto& o, auto& v) { return SetId(&r.squash_group, o, v); }},
    {"xattr_permissions", Value::kNeeded, SetIds},
    {"timeout", Value::kNeeded, SetTimeout},
    {"threaded", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.threaded, o, v); }},
    {"fsync", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.durable, o, v); }},
    {"volatile", Value::kNone,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.durable, o, v, false); }},
    {"writeback", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.writeback, o, v); }},
    {"noxattrs", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.xattrs, o, v, false); }},
    {"noacl", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.acl, o, v, false); }},
    {"static_nlink", Value::kOptional,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.static_nlink, o, v); }},
    {"xino", Value::kNeeded, SetInodeNumbers},
    {"fast_ino", Value::kOptional, CheckSwitch},
    {"fast_ino_check", Value::kOptional, CheckSwitch},
    {"debug", Value::kNone, [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.debug, o, v); }},
    {"allow_other", Value::kNone,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.allow_other, o, v); }},
    {"auto_unmount", Value::kNone,
     [](Reader& r, auto& o, auto& v) { return SetSwitch(&r.options.auto_unmount, o, v); }},
    {"fsname", Value::kNeeded, [](Reader& r, auto& o, auto& v) { return SetLabel(&r.options.source, o, v); }},
    {"subtype", Value::kNeeded,
     [](Reader& r, auto& o, auto& v) { return SetLabel(&r.options.subtype, o, v); }},
    {"max_read", Value::kNeeded, SetMaxRead},
};

// Options of fuse-overlayfs and of overlayfs that ask for what is always so here, or for what is not to be
// had.
struct Word {
  std::string_view name, reason;  // no reason: always so
};
constexpr Word kWords[] = {
    {"default_permissions", ""},
    {"kernel_cache", ""},
    {"userxattr", ""},
    {"plugins", "plugins are not supported; name directories in lowerdir"},
    {"allow_root", "is not supported; use allow_other, and the modes of the files"},
    {"max_write", "is not supported: writes are as large as the kernel makes them, at most 1 MiB"},
    {"ino32_t", "is not supported: inode numbers have 64 bits"},
    {"nfs_filehandles", "is not supported: the file system cannot be exported by NFS"},
    {"nfs_export", "is not supported: the file system cannot be exported by NFS"},
    {"splice_read", "is not supported: data is copied, which was measured to be as fast"},
    {"splice_write", "is not supported: data is copied, which was measured to be as fast"},
    {"splice_move", "is not supported: data is copied, which was measured to be as fast"},
    {"metacopy", "is not supported: files are copied whole"},
    {"index", "is not supported: hard links are kept without it"},
};

struct MountFlag {
  std::string_view name;
  unsigned long set, clear;
};
constexpr MountFlag kMountFlags[] = {
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME},
    {"atime", 0, MS_NOATIME},
    {"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME},
    {"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
};

Result<> ApplyOption(Reader& reader, const std::string& text) {
  size_t equals = std::min(text.find('='), text.size());
  std::string name = text.substr(0, equals), value = text.substr(std::min(equals + 1, text.size()));
  bool has_value = equals < text.size();
  // An older name of fsync, where it has a value; without one it is mount(8)'s.
  if (name == "sync" && has_value) name = "fsync";
  for (const Known& known : kKnown) {
    if (known.name != name) continue;
    if (has_value && known.value == Value::kNone) return Refuse(name, "takes no value");
    if (!has_value && known.value == Value::kNeeded) return Refuse(name, "needs a value");
    return known.apply(reader, name, value);
  }
  for (const MountFlag& flag : kMountFlags) {
    if (flag.name != name || has_value) continue;
    reader.options.flags = (reader.options.flags & ~flag.clear) | flag.set;
    return {};
  }
  for (const Word& word : kWords) {
    if (word.name != name) continue;
    // Switched off is what it is.
    if (word.reason.empty() || value == "0" || value == "off") {
      if (word.reason.empty() && (value == "0" || value == "off"))
        return Refuse(name, "cannot be switched off");
      return {};
    }
    return Refuse(name, word.reason);
  }
  return Refuse(name, "unknown; wolffia-overlayfs(1) lists those that there are");
}

Result<> Finish(Reader& r, const std::vector<std::string>& names) {
  OverlayfsOptions& options = r.options;
  if (options.help || options.version) return {};
  if (options.debug) options.foreground = true;
  if (names.empty()) return Fail(Code::kInvalid, "no mount point given; see --help");
  if (names.size() > 2)
    return Fail(Code::kInvalid, "one mount point, please; '" + names[2] + "' is one too many");
  options.mountpoint = names.back();
  // As mount(8) calls its helpers: SOURCE MOUNTPOINT.
  if (names.size() == 2) TRY(SetLabel(&options.source, "source", names.front()));
  if (options.lower.empty())
    return Fail(Code::kInvalid, "no lower directory given; use -o lowerdir=DIRECTORY[:DIRECTORY...]");
  if (options.upper.empty() != options.work.empty())
    return Fail(Code::kInvalid, options.work.empty()
                                    ? "upperdir needs a workdir, an empty directory on the same file system"
                                    : "workdir without upperdir has no use");
  if (options.upper.empty()) options.flags |= MS_RDONLY;
  if (options.auto_unmount && !options.allow_other)
    return Refuse("auto_unmount",
                  "needs allow_other too: fusermount3 looks whether the server is dead as root");
  if (r.squash_to_root && !r.squash_user) r.squash_user = 0;
  if (r.squash_to_root && !r.squash_group) r.squash_group = 0;
  options.owners.users = OwnerMap(std::move(r.users), r.squash_user);
  options.owners.groups = OwnerMap(std::move(r.groups), r.squash_group);
  // The ids inside an ACL are not translated.
  if (!options.owners.identity()) options.acl = false;
  return {};
}

}  // namespace

Result<OverlayfsOptions> ParseOverlayfsOptions(const std::vector<std::string>& arguments, bool root) {
  Reader reader;
  reader.options.allow_other = root;
  reader.options.flags = MS_NOATIME;
  std::vector<std::string> names;
  bool only_names = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_names || !argument.starts_with('-') || argument == "-") {
      names.push_back(argument);
    } else if (argument == "--") {
      only_names = true;
    } else if (argument == "-f") {
      reader.options.foreground = true;
    } else if (argument == "-d" || argument == "--debug") {
      reader.options.debug = true;
    } else if (argument == "-h" || argument == "--help") {
      reader.options.help = true;
    } else if (argument == "-V" || argument == "--version") {
      reader.options.version = true;
    } else if (argument.starts_with("-o")) {
      if (argument == "-o" && i + 1 == arguments.size())
        return Fail(Code::kInvalid, "-o needs options after it");
      for (const std::string& option : SplitOptions(argument == "-o" ? arguments[++i] : argument.substr(2)))
        TRY(ApplyOption(reader, option));
    } else {
      return Fail(Code::kInvalid, "unknown option " + argument + "; see --help");
    }
  }
  TRY(Finish(reader, names));
  return std::move(reader.options);
}

std::vector<std::string> OverlayfsOptionNames() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.emplace_back(known.name);
  for (const MountFlag& flag : kMountFlags) names.emplace_back(flag.name);
  for (const Word& word : kWords) names.emplace_back(word.name);
  return names;
}

std::string OverlayfsHelp() {
  return "Usage: wolffia-overlayfs [-f] [-d] [-o OPTION[,OPTION...]] [SOURCE] MOUNTPOINT\n"
         "\n"
         "Shows directories on top of each other as one that can be written to, as an ordinary user.\n"
         "Unmount it with umount or fusermount3 -u.\n"
         "\n"
         "  -f                        stay in the foreground\n"
         "  -d, --debug               the same, and say what is served and how often it was asked\n"
         "  -h, --help                show this\n"
         "  -V, --version             show the version\n"
         "  -o lowerdir=DIR[:DIR...]  directories that are only read, the topmost first (needed)\n"
         "  -o upperdir=DIR           takes all changes; without it the mount is read-only\n"
         "  -o workdir=DIR            for what is unfinished, on the file system of upperdir\n"
         "  -o xattr_permissions=0|2  owners and modes: the host's, or user.containers.override_stat\n"
         "  -o uidmapping=, gidmapping=DISK:SHOWN:COUNT[:...]\n"
         "  -o squash_to_root, squash_to_uid=UID, squash_to_gid=GID\n"
         "  -o redirect_dir=on|off, static_nlink, noacl, noxattrs=1, volatile, fsync=0|1,\n"
         "     timeout=SECONDS, threaded=0|1, writeback=0|1, allow_other, auto_unmount,\n"
         "     ro, nodev, nosuid, noexec, context=LABEL, ...: see wolffia-overlayfs(1)\n";
}

}  // namespace wolffia
