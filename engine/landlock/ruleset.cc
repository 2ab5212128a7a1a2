#include "engine/landlock/ruleset.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/fd.h"
#include "engine/landlock/uapi.h"

namespace wolffia {
namespace {

using namespace landlock;

// Paths are the caller's own, so symbolic links are followed.
Result<> AllowPath(int ruleset, const LandlockRuleset::Path& rule) {
  Fd path(open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (!path && rule.optional && (errno == ENOENT || errno == ENOTDIR)) return {};
  struct stat st;
  if (!path || fstat(path.get(), &st) < 0) return FailErrno("Landlock: open " + rule.path);
  const PathBeneath beneath{S_ISDIR(st.st_mode) ? rule.access : rule.access & kOfFiles, path.get()};
  if (beneath.access == 0 || syscall(SYS_landlock_add_rule, ruleset, kRulePath, &beneath, 0) == 0) return {};
  return FailErrno("Landlock: allow " + rule.path);
}

}  // namespace

int LandlockVersion() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

std::string LandlockAccessWords(uint64_t access) {
  std::string words;
  auto add = [&](uint64_t bits, const char* word) {
    if ((access & bits) != 0) words += (words.empty() ? "" : ", ") + std::string(word);
  };
  add(kReadFile | kReadDirectory, "read");
  add(kWriteFile | kMakeFile, "write");
  add(kExecute, "execute");
  if (words.empty()) add(kRefer, "rename");
  return words;
}

Result<> RestrictSelf(const LandlockRuleset& rules) {
  if (rules.empty()) return {};
  const RulesetAttributes attributes{rules.handled_fs, rules.handled_net, rules.scoped};
  Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset) return FailErrno("Landlock: make a ruleset");
  for (const LandlockRuleset::Path& path : rules.paths) TRY(AllowPath(ruleset.get(), path));
  for (const LandlockRuleset::Port& rule : rules.ports) {
    const NetPort port{rule.access, rule.port};
    if (syscall(SYS_landlock_add_rule, ruleset.get(), kRuleNetPort, &port, 0) < 0)
      return FailErrno("Landlock: allow TCP port " + std::to_string(rule.port));
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return FailErrno("set no_new_privs");
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0)
    return FailErrno("Landlock: enter the ruleset");
  return {};
}

}  // namespace wolffia
