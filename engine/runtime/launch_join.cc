#include "engine/runtime/launch_join.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/runtime/child_state.h"
#include "engine/runtime/id_map_writer.h"

namespace wolffia {
namespace {

struct Report {
  int32_t pid = -1;
  int32_t os_errno = 0;
  bool scored = true, joined = false, mapped = true;
};

bool Join(const LaunchPlan& plan) {
  if (plan.join && plan.join->pidfd >= 0)
    return setns(plan.join->pidfd, static_cast<int>(plan.join->flags)) == 0;
  if (plan.join)
    return setns(plan.join->user, CLONE_NEWUSER) == 0 && setns(plan.join->network, CLONE_NEWNET) == 0;
  return setns(plan.parent_user_namespace, CLONE_NEWUSER) == 0;
}

[[noreturn]] void JoinAndClone(const LaunchPlan& plan, ChildMemory& memory, int socket, int report_to) {
  Report report;
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  // The child inherits both. The score first: files in /proc of who is hidden are the host root's.
  if (plan.oom_score) {
    ChildState state{plan, memory};
    const StepOutcome outcome = Do(state, step::SetOomScore{*plan.oom_score});
    report.scored = outcome.os_errno == 0;
    errno = outcome.os_errno;
  }
  if (plan.hidden) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (report.scored && Join(plan)) {
    report.joined = true;
    clone_args args{};
    args.flags = plan.clone_flags | CLONE_PARENT;  // the exit signal is that of this process then
    EnterCgroup(plan, args);
    report.pid = static_cast<int32_t>(syscall(SYS_clone3, &args, sizeof args));
    if (report.pid == 0) RunLaunchChild(plan, memory, socket);
  }
  report.os_errno = report.pid < 0 ? errno : 0;
  if (report.pid > 0 && !plan.join) {
    auto written = WriteMapsBelow(report.pid, plan.maps, uid, gid);
    report.mapped = written.has_value();
    if (!written) report.os_errno = written.error().os_errno;
  }
  bool told = write(report_to, &report, sizeof report) == sizeof report;
  _exit(told ? 0 : 1);
}

std::unexpected<Error> ExplainBelow(const Report& report) {
  const char* what = !report.joined  ? "enter the user namespace of the container's networks"
                     : report.mapped ? "make the container's namespaces"
                                     : "map the ids of the container below its networks";
  return FailErrno(what, report.os_errno == 0 ? ESRCH : report.os_errno);
}

std::unexpected<Error> ExplainAtPath(const Report& report) {
  return FailErrno(report.joined ? "make the container's namespaces beside the network that --network names"
                                 : "join the network that --network names",
                   report.os_errno == 0 ? ESRCH : report.os_errno);
}

std::unexpected<Error> Explain(const Report& report) {
  if (!report.scored)
    return FailErrno("set oom_score_adj: an ordinary user cannot lower it", report.os_errno);
  // ESRCH: its first process has ended; ENOMEM: so has the pid namespace.
  if (report.os_errno == ESRCH || report.os_errno == ENOMEM || report.os_errno == 0)
    return Fail(
        Code::kBusy,
        "join the namespaces of the other container: it has ended meanwhile: container state improper",
        report.os_errno);
  if (report.os_errno == EINVAL && !report.joined)
    return FailErrno("join the namespaces of the other container (this needs Linux 5.8 or later)", EINVAL);
  return FailErrno(report.joined ? "make the container's namespaces beside those of the other container"
                                 : "join the namespaces of the other container",
                   report.os_errno);
}

}  // namespace

Result<Child> CloneJoined(const LaunchPlan& plan, ChildMemory& memory, int socket) {
  Pipe pipe = TRY(MakePipe());
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);  // no handler of ours may run in either of them
  pid_t between = fork();
  if (between == 0) JoinAndClone(plan, memory, socket, pipe.write.get());
  int failed = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (between < 0) return FailErrno("start a process", failed);
  Child joiner = TRY(Child::Forked(between));
  pipe.write.Reset();
  Report report;
  size_t n = TRY(ReadFull(pipe.read.get(), &report, sizeof report));
  TRY(joiner.Wait());
  if (n != sizeof report || report.pid < 0) {
    if (!plan.join) return ExplainBelow(report);
    return plan.join->pidfd >= 0 ? Explain(report) : ExplainAtPath(report);
  }
  // It is our child and not reaped: the number cannot mean another.
  Child child = TRY_WITH(Child::Forked(report.pid), "the container's first process");
  if (!report.mapped) return ExplainBelow(report);
  return child;
}

// The mount is copied where it is, in the other container's mount namespace, and carried over: until
// Linux 6.15 none can be copied out of another namespace.
StepOutcome Do(ChildState& state, const step::OpenShared& s) {
  int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0) return Failed(errno);
  int tree = -1, failed = 0;
  if (setns(kJoinFd, CLONE_NEWNS) < 0) {
    failed = errno;
  } else {
    tree = open_tree(AT_FDCWD, s.path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    if (tree < 0) failed = errno;
    if (setns(own, CLONE_NEWNS) < 0) failed = errno;
  }
  close(own);
  if (failed != 0) return Failed(failed, ChildDetail::kSource);
  state.memory.slots[static_cast<size_t>(s.slot)] = tree;
  return {};
}

}  // namespace wolffia
