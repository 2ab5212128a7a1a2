#include "engine/cgroup/cgroup_host.h"

#include <unistd.h>

#include <algorithm>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr size_t kMaxProcFile = 4 << 20;

using Words = std::vector<std::string_view>;

std::string_view NextLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

Words SplitWords(std::string_view text) {
  Words words;
  for (size_t at = 0; (at = text.find_first_not_of(" \n\t", at)) != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(" \n\t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string ReadOr(const std::string& path) {
  return ReadFile(path, kMaxProcFile).value_or("");
}

std::vector<std::string> WordsOf(const std::string& path) {
  const std::string text = ReadOr(path);
  const Words words = SplitWords(text);
  return {words.begin(), words.end()};
}

// mountinfo writes space, tab, newline and backslash in octal.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const bool octal = text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3';
    if (!octal) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
    i += 3;
  }
  return out;
}

struct Mounts {
  std::string unified, unified_root;
  bool legacy = false;  // a v1 hierarchy with a controller
};

// The first of several v2 mounts is the host's own: later ones are somebody's second look at the same tree.
Mounts ReadMounts(std::string_view mountinfo) {
  Mounts mounts;
  while (!mountinfo.empty()) {
    const Words words = SplitWords(NextLine(mountinfo));
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 10 || words.end() - dash < 4) continue;
    const std::string_view type = dash[1], options = dash[3];
    if (type == "cgroup2" && mounts.unified.empty()) {
      mounts.unified_root = Unescape(words[3]);
      mounts.unified = Unescape(words[4]);
    }
    if (type == "cgroup" && options.find("name=") == std::string_view::npos) mounts.legacy = true;
  }
  return mounts;
}

bool Writable(const std::string& directory) {
  return access(directory.c_str(), W_OK) == 0 && access((directory + "/cgroup.procs").c_str(), W_OK) == 0;
}

// "unix:path=/run/user/1000/bus" of $DBUS_SESSION_BUS_ADDRESS, the first of a list; other transports need a
// client of their own, and nobody has them for a user's systemd.
std::string PathOfAddress(std::string_view address) {
  address = address.substr(0, address.find(';'));
  constexpr std::string_view kPath = "unix:path=";
  if (!address.starts_with(kPath)) return "";
  address.remove_prefix(kPath.size());
  return std::string(address.substr(0, address.find(',')));
}

void FindBus(const Context& context, const std::string& root, CgroupHost& host) {
  const std::string runtime = context.Env("XDG_RUNTIME_DIR").value_or("");
  // systemd's own socket needs no bus daemon between: half the hops, and hosts without one have it as well.
  std::string candidates[3];
  if (!runtime.empty()) candidates[0] = root + runtime + "/systemd/private";
  candidates[1] = PathOfAddress(context.Env("DBUS_SESSION_BUS_ADDRESS").value_or(""));
  if (!candidates[1].empty()) candidates[1] = root + candidates[1];
  if (!runtime.empty()) candidates[2] = root + runtime + "/bus";
  for (const std::string& path : candidates) {
    if (path.empty() || access(path.c_str(), W_OK) != 0) continue;
    host.bus_socket = path;
    host.bus_is_private = &path == &candidates[0];
    return;
  }
}

// The service that a user's systemd is: its cgroup.controllers are what may be had below it.
std::string UserService(const CgroupHost& host) {
  const std::string name = "user@" + std::to_string(host.uid) + ".service";
  const size_t at = host.own.find("/" + name);
  if (at != std::string::npos) return host.own.substr(0, at + 1 + name.size());
  return host.mount + "/user.slice/user-" + std::to_string(host.uid) + ".slice/" + name;
}

void LookAtBase(const CgroupHost::Wish& wish, CgroupHost& host) {
  host.writable = Writable(host.base);
  if (!host.writable) return;
  host.way = CgroupHost::Way::kOwn;
  const std::vector<std::string> all = WordsOf(host.base + "/cgroup.controllers");
  host.busy = !WordsOf(host.base + "/cgroup.procs").empty();
  const bool may_hand_down = !host.busy || (wish.move_own && host.base == host.own);
  if (may_hand_down) {
    host.controllers = all;
    return;
  }
  host.controllers = WordsOf(host.base + "/cgroup.subtree_control");
  for (const std::string& name : all)
    if (!host.Has(name)) host.missing_here.push_back(name);
}

std::string BaseOf(const CgroupHost& host, const CgroupHost::Wish& wish) {
  if (wish.parent.starts_with('/')) return host.mount + wish.parent;
  if (host.own.empty()) return "";
  // Whoever was moved aside by an earlier command starts the next ones from there.
  std::string own = host.own;
  if (own.ends_with("/" + std::string(kAsideName))) own.resize(own.size() - kAsideName.size() - 1);
  return wish.parent.empty() ? own : own + "/" + wish.parent;
}

}  // namespace

bool CgroupHost::Has(std::string_view controller) const {
  return std::ranges::find(controllers, controller) != controllers.end();
}

std::string UnifiedPath(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = NextLine(text);
    if (line.starts_with("0::/")) return std::string(line.substr(3));
  }
  return "";
}

std::string CgroupDirectory(const std::string& mount, std::string_view mount_root, std::string_view path) {
  if (mount.empty() || path.empty() || path.find("/..") != std::string_view::npos) return "";
  if (mount_root != "/") {
    const bool inside =
        path.starts_with(mount_root) && (path.size() == mount_root.size() || path[mount_root.size()] == '/');
    if (!inside) return "";
    path.remove_prefix(mount_root.size());
  }
  return path == "/" ? mount : mount + std::string(path);
}

CgroupHost CgroupHost::Detect(const Context& context, const Wish& wish, uint32_t uid,
                              const std::string& root) {
  CgroupHost host;
  host.uid = uid;
  const Mounts mounts = ReadMounts(ReadOr(root + "/proc/self/mountinfo"));
  host.systemd = access((root + "/run/systemd/system").c_str(), F_OK) == 0;
  if (!mounts.unified.empty()) host.mount = root + mounts.unified;
  host.layout = mounts.unified.empty() ? (mounts.legacy ? Layout::kLegacy : Layout::kMissing)
                : mounts.legacy        ? Layout::kHybrid
                                       : Layout::kUnified;
  // A hybrid host's v2 tree has no controller worth having, and its systemd delegates none.
  if (host.layout != Layout::kUnified) return host;
  host.own =
      CgroupDirectory(host.mount, mounts.unified_root, UnifiedPath(ReadOr(root + "/proc/self/cgroup")));
  if (!wish.below_own && !wish.parent.starts_with('/')) FindBus(context, root, host);
  if (!host.bus_socket.empty()) {
    host.base = UserService(host);
    if (access(host.base.c_str(), F_OK) == 0) {
      host.way = Way::kSystemd;
      host.writable = true;
      host.controllers = WordsOf(host.base + "/cgroup.controllers");
      return host;
    }
  }
  host.base = BaseOf(host, wish);
  if (!host.base.empty()) LookAtBase(wish, host);
  return host;
}

}  // namespace wolffia
