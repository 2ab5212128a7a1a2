#include "engine/runtime/host_facts.h"

#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/runtime/text_fields.h"
#include "engine/runtime/ulimit.h"

namespace wolffia {
namespace {

// Room for a site that gives each of 300,000 users a line.
constexpr size_t kMaxFileBytes = 16 << 20;

std::string TextOf(const std::string& path) {
  return ReadFile(path, kMaxFileBytes).value_or("");
}

// The password file first: NSS loads modules and may ask a directory server, which a start cannot wait for.
std::string UserName(uid_t uid) {
  if (std::string name = UserNameIn(TextOf("/etc/passwd"), uid); !name.empty()) return name;
  if (const passwd* entry = getpwuid(uid); entry != nullptr && entry->pw_name != nullptr)
    return entry->pw_name;
  return std::to_string(uid);
}

Result<std::vector<uint32_t>> Groups() {
  int count = getgroups(0, nullptr);
  if (count < 0) return FailErrno("read the groups of this process");
  std::vector<uint32_t> groups(static_cast<size_t>(count));
  count = getgroups(count, groups.data());
  if (count < 0) return FailErrno("read the groups of this process");
  groups.resize(static_cast<size_t>(count));
  return groups;
}

std::string FindHelper(const Context& context, const std::string& name) {
  std::string path = context.Env("PATH").value_or("") + ":/usr/bin:/usr/local/bin:/bin";
  for (std::string_view directory : SplitFields(path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::string candidate = std::string(directory) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

// Sites that serve subordinate ids by NSS say so in nsswitch.conf; elsewhere getsubids would read our two
// files again.
bool SubordinateByNss() {
  std::string text = TextOf("/etc/nsswitch.conf");
  std::string_view rest = text;
  for (std::string_view line; NextLine(rest, line);)
    if (line.starts_with("subid:")) return line.find_first_not_of(" \t", 6) != line.find("files", 6);
  return false;
}

// Lines of getsubids: "0: alice 100000 65536".
std::vector<SubordinateRange> AskGetsubids(const std::string& program, const std::string& user, bool groups) {
  SpawnRequest request{.program = program, .argv = {"getsubids"}};
  if (groups) request.argv.push_back("-g");
  request.argv.push_back(user);
  Result<Output> output = RunForOutput(std::move(request), "", 1 << 20);
  std::vector<SubordinateRange> ranges;
  if (!output || output->status.ShellCode() != 0) return ranges;
  std::string_view rest = output->out;
  for (std::string_view line; NextLine(rest, line);) {
    std::vector<std::string_view> fields = SplitFields(line, ' ');
    if (fields.size() < 4) continue;
    auto first = ParseDecimal<uint32_t>(fields[fields.size() - 2]),
         count = ParseDecimal<uint32_t>(fields.back());
    if (first && count && *count > 0) ranges.push_back({*first, *count});
  }
  return ranges;
}

SubordinateIds Subordinate(const Context& context, const std::string& user, uid_t uid) {
  SubordinateIds ids{.uids = ParseSubordinate(TextOf("/etc/subuid"), user, uid),
                     .gids = ParseSubordinate(TextOf("/etc/subgid"), user, uid)};
  if ((!ids.uids.empty() && !ids.gids.empty()) || !SubordinateByNss()) return ids;
  std::string program = FindHelper(context, "getsubids");
  if (program.empty()) return ids;
  if (ids.uids.empty()) ids.uids = AskGetsubids(program, user, false);
  if (ids.gids.empty()) ids.gids = AskGetsubids(program, user, true);
  return ids;
}

std::string Cgroup2Mount() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs fs;
    if (statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return "";
}

// Falls back to the last one of Linux 4.18, the oldest kernel that can run us (CAP_AUDIT_READ).
int LastCapability() {
  std::string text = TextOf("/proc/sys/kernel/cap_last_cap");
  return ParseDecimal<int>(std::string_view(text).substr(0, text.find('\n'))).value_or(37);
}

}  // namespace

std::string UserNameIn(std::string_view passwd, uint32_t uid) {
  for (std::string_view line; NextLine(passwd, line);) {
    std::vector<std::string_view> fields = SplitFields(line, ':', 4);
    if (fields.size() == 4 && !fields[0].empty() && ParseDecimal<uint32_t>(fields[2]) == uid)
      return std::string(fields[0]);
  }
  return "";
}

HostFacts HostFacts::ForLaunch(const Context& context) {
  HostFacts facts;
  facts.uid = HostUid{getuid()};
  facts.gid = HostGid{getgid()};
  facts.newuidmap = FindHelper(context, "newuidmap");
  facts.newgidmap = FindHelper(context, "newgidmap");
  facts.cgroup2_mount = Cgroup2Mount();
  return facts;
}

Result<HostFacts> HostFacts::Gather(const Context& context) {
  HostFacts facts = ForLaunch(context);
  facts.groups = TRY(Groups());
  facts.user_name = UserName(getuid());
  facts.subordinate = Subordinate(context, facts.user_name, getuid());
  facts.limits = CurrentLimits();
  facts.last_capability = LastCapability();
  return facts;
}

}  // namespace wolffia
