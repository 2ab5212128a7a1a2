// The child's steps that confine it by Landlock. Paths are the container's: its root is ours by now.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/landlock/uapi.h"
#include "engine/runtime/child_state.h"

namespace wolffia {

using namespace landlock;

StepOutcome Do(ChildState& state, const step::MakeLandlock& s) {
  const RulesetAttributes attributes{s.handled_fs, s.handled_net, s.scoped};
  state.landlock = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (state.landlock < 0) return Failed(errno);
  for (const auto& [port, access] : s.ports) {
    const NetPort rule{access, port};
    if (syscall(SYS_landlock_add_rule, state.landlock, kRuleNetPort, &rule, 0) < 0) return Failed(errno);
  }
  return {};
}

StepOutcome Do(ChildState& state, const step::AllowPath& s) {
  Scoped path{open(s.path.c_str(), O_PATH | O_CLOEXEC)};
  if (path.fd < 0 && s.optional && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (path.fd < 0) return Failed(errno);
  struct stat st;
  if (fstat(path.fd, &st) < 0) return Failed(errno);
  const PathBeneath rule{S_ISDIR(st.st_mode) ? s.access : s.access & kOfFiles, path.fd};
  if (rule.access == 0) return {};  // the kernel refuses a rule that allows nothing
  return Check(syscall(SYS_landlock_add_rule, state.landlock, kRulePath, &rule, 0));
}

StepOutcome Do(ChildState& state, const step::EnterLandlock&) {
  StepOutcome outcome = Check(syscall(SYS_landlock_restrict_self, state.landlock, 0));
  close(state.landlock);
  return outcome;
}

}  // namespace wolffia
