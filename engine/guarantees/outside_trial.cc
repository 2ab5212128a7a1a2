#include "engine/guarantees/outside_trial.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/file.h"
#include "network/rate_limit.h"
#include "network/slirp4netns.h"

namespace wolffia {
namespace {

// As a debugger does: attaches, stops it, lets it go.
int TryPtrace(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) < 0) return errno;
  int error = 0;
  if (ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) < 0) error = errno;
  if (error == 0 && waitpid(pid, nullptr, __WALL) < 0) error = errno;
  if (error == 0 && ptrace(PTRACE_DETACH, pid, nullptr, nullptr) < 0) error = errno;
  return error;
}

// As perf(1) does for a process: a counter of its own time in user mode.
int TryPerf(pid_t pid) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  Fd counter(static_cast<int>(syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  return counter ? 0 : errno;
}

// The namespaces are the World's: what is made in them ends with it.
void TryNetwork(pid_t pid, bool root_mapped, World& world) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/ns/";
  auto user = Open(directory + "user", O_RDONLY), net = Open(directory + "net", O_RDONLY);
  if (!user || !net) {
    world.rate_problem = world.network_problem = "its network namespace cannot be opened";
    return;
  }
  const NetworkTarget target{user->get(), net->get(), root_mapped};
  auto limited = LimitRates(target, {"lo"}, {.ingress = 1'000'000, .egress = 1'000'000});
  world.rate_problem = limited ? "" : limited.error().what;
  Slirp4netns stack{UserModeOptions{}};
  auto works = stack.Prepare();
  if (works) works = stack.Begin(target);
  if (works) works = stack.Finish();
  world.network_problem = works ? "" : works.error().what;
}

// The second number of the line "Uid:" of its status: the effective id, as we see it.
bool IsUser(pid_t pid) {
  const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status", 1 << 16).value_or("");
  unsigned real = 0, effective = 0;
  const size_t line = status.find("\nUid:");
  return line != std::string::npos &&
         sscanf(status.c_str() + line, "\nUid:\t%u\t%u", &real, &effective) == 2 && effective == getuid();
}

std::string CgroupsOf(const std::string& process) {
  return ReadFile("/proc/" + process + "/cgroup", 1 << 16).value_or("");
}

}  // namespace

void TryFromOutside(pid_t pid, const IdMaps& maps, bool has_network, World& world) {
  world.is_user_outside = IsUser(pid);
  world.stays_in_cgroup = CgroupsOf(std::to_string(pid)) == CgroupsOf("self");
  world.ptrace = TryPtrace(pid);
  world.perf = TryPerf(pid);
  if (has_network) TryNetwork(pid, HostOf(maps.uids, 0).has_value(), world);
}

}  // namespace wolffia
