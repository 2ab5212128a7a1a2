#include "engine/cgroup/fork_into.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "engine/base/file.h"
#include "engine/cgroup/cgroup_file.h"
#include "engine/cgroup/cgroup_scope.h"

namespace wolffia {
namespace {

constexpr size_t kMaxProcFile = 1 << 16;

pid_t CloneInto(int cgroup) {
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<uint64_t>(cgroup);
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
}

// ".../wolffia-<id>.scope/payload": the process goes to supervisor, beside it.
Result<> MoveBeside(const Context& context, const std::string& payload) {
  const std::string top = payload.substr(0, payload.rfind('/'));
  const CgroupHost host = CgroupHost::Detect(context, {}, getuid());
  if (top.ends_with(".scope") && host.way == CgroupHost::Way::kSystemd)
    return AttachToUnit(host, top.substr(top.rfind('/') + 1), "/supervisor", getpid());
  Fd supervisor = TRY(OpenDirectory(AT_FDCWD, top + "/supervisor"));
  return WriteCgroupFile(supervisor.get(), "cgroup.procs", "0");
}

// ENOENT and EBUSY come too where the container moves its processes about at this moment.
Result<pid_t> CloneBeside(const std::string& payload, pid_t init) {
  constexpr int kAttempts = 10;
  for (int attempt = 1;; attempt++) {
    const std::string text = TRY(ReadFile("/proc/" + std::to_string(init) + "/cgroup", kMaxProcFile));
    auto cgroup = OpenDirectory(AT_FDCWD, payload + TRY(PathBelow(payload, text)));
    const pid_t pid = cgroup ? CloneInto(cgroup->get()) : -1;
    if (pid >= 0 || attempt == kAttempts) return pid;
  }
}

}  // namespace

Result<std::string> PathBelow(std::string_view payload, std::string_view text) {
  // Both have ".../wolffia-<id>.scope/payload"; what is before it differs where a part of the tree is
  // mounted.
  const size_t top = payload.rfind('/', payload.rfind('/') - 1);
  const std::string path = UnifiedPath(text);
  const size_t at = path.rfind(payload.substr(top));
  const std::string rest = at == std::string::npos ? "" : path.substr(at + payload.size() - top);
  if (at == std::string::npos || (!rest.empty() && rest[0] != '/') || rest.find("/..") != std::string::npos)
    return Fail(Code::kNotFound, "the container's first process has left its cgroup");
  return rest;
}

Result<pid_t> ForkInto(const Context& context, const std::string& payload, pid_t init) {
  auto cgroup = OpenDirectory(AT_FDCWD, payload);
  if (!cgroup) return std::unexpected(std::move(cgroup.error()).With("the container's cgroup"));
  pid_t pid = CloneInto(cgroup->get());
  if (pid < 0 && (errno == EACCES || errno == EPERM || errno == ENOENT)) {
    TRY_WITH(MoveBeside(context, payload), "enter the container's cgroup");
    pid = CloneInto(cgroup->get());
  }
  if (pid < 0 && errno == EBUSY) pid = TRY_WITH(CloneBeside(payload, init), "enter the container's cgroup");
  if (pid >= 0) return pid;
  if (errno == EAGAIN)
    return Fail(Code::kBusy, "start a process in the container: its --pids-limit is reached", EAGAIN);
  return FailErrno("start a process in the container's cgroup");
}

}  // namespace wolffia
