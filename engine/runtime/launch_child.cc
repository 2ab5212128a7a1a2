#include "engine/runtime/launch_child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <span>

#include "engine/runtime/child_state.h"

namespace wolffia {
namespace {

constexpr int kLastCapability = 63;  // the kernel says EINVAL at the first that it does not know

constexpr int kServed[] = {kFuseFd, kMemoryFd};
constexpr size_t kMaxSent = 3;  // descriptors of one message

// As a raw call: its sixth argument, which sendmsg(2) does not have, is there for a filter to see.
bool Send(const ChildMessage& message, std::span<const int> fds = {}, uint64_t pass = 0) {
  iovec data{const_cast<ChildMessage*>(&message), sizeof message};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxSent * sizeof(int))] = {};
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  long n;
  do n = syscall(SYS_sendmsg, kChildSocket, &header, MSG_NOSIGNAL, 0, 0, pass);
  while (n < 0 && errno == EINTR);
  return n == sizeof message;
}

// Waits for the parent's word. Its end closed: it has given up, or died.
void Await(ChildMessage::Kind kind) {
  ChildMessage message;
  ssize_t n;
  do n = recv(kChildSocket, &message, sizeof message, 0);
  while (n < 0 && errno == EINTR);
  if (n != sizeof message || message.kind != kind) _exit(125);
}

// A copy of the parent has its handlers, its mask and its descriptors.
void ForgetParent(const LaunchPlan& plan, int socket) {
  int join = plan.join ? fcntl(plan.join->pidfd, F_DUPFD_CLOEXEC, kJoinFd + 1) : -1;
  if (socket != kChildSocket) dup3(socket, kChildSocket, O_CLOEXEC);
  if (join >= 0) dup3(join, kJoinFd, O_CLOEXEC);
  syscall(SYS_close_range, kChildSocket + 1, join >= 0 ? kJoinFd - 1 : ~0U, 0);
  if (join >= 0) syscall(SYS_close_range, kJoinFd + 1, ~0U, 0);
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);  // fails for SIGKILL, SIGSTOP and glibc's own
  }
  uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
  umask(0);
}

}  // namespace

StepOutcome SendToParent(ChildMessage::Kind kind, int fd, uint64_t pass) {
  return Send({.kind = kind}, std::span(&fd, 1), pass) ? StepOutcome{} : Failed(errno);
}

// --- The steps that make the process ---

StepOutcome Do(ChildState&, const step::DieWithParent&) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return Failed(errno);
  // A parent that died before has closed its end. (getppid() is 0 in a pid namespace of our own.)
  char byte;
  if (recv(kChildSocket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) _exit(125);
  return {};
}

StepOutcome Do(ChildState&, const step::AwaitMaps&) {
  Await(ChildMessage::kMaps);
  return {};
}

StepOutcome Do(ChildState&, const step::SetOomScore& s) {
  char text[16];
  size_t n = sizeof text;
  bool negative = s.value < 0;
  unsigned value = negative ? 0U - static_cast<unsigned>(s.value) : static_cast<unsigned>(s.value);
  do text[--n] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  if (negative) text[--n] = '-';
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return Failed(errno);
  StepOutcome outcome = Check(write(fd, text + n, sizeof text - n));
  close(fd);
  return outcome;
}

StepOutcome Do(ChildState&, const step::SendNamespaces&) {
  int fds[kMaxSent] = {-1, -1, -1};
  StepOutcome outcome;
  for (size_t i = 0; i < kMaxSent && outcome.os_errno == 0; i++) {
    constexpr const char* kPaths[kMaxSent] = {"/proc/self/ns/user", "/proc/self/ns/net", "/proc/self/ns/mnt"};
    fds[i] = open(kPaths[i], O_RDONLY | O_CLOEXEC);
    outcome = Check(fds[i]);
  }
  if (outcome.os_errno == 0 && !Send({.kind = ChildMessage::kNamespaces}, fds)) outcome = Failed(errno);
  for (int fd : fds)
    if (fd >= 0) close(fd);
  return outcome;
}

StepOutcome Do(ChildState&, const step::NewSession&) {
  return Check(setsid());
}

StepOutcome Do(ChildState&, const step::NewKeyring&) {
  StepOutcome outcome = Check(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr));
  // No keyrings in this kernel, or an outer container's filter forbids them to us and to all below us:
  // nothing leaks.
  if (outcome.os_errno == ENOSYS || outcome.os_errno == EPERM) return {};
  return outcome;
}

StepOutcome Do(ChildState&, const step::SendFuse& s) {
  const std::span fds(kServed, s.memory ? 2 : 1);
  if (!Send({.kind = ChildMessage::kFuse}, fds)) return Failed(errno);
  for (int fd : fds) close(fd);
  return {};
}

StepOutcome Do(ChildState&, const step::SetHostname& s) {
  return Check(s.domain ? setdomainname(s.name.data(), s.name.size())
                        : sethostname(s.name.data(), s.name.size()));
}

// Not by clone3, which would take the cgroup of the monitor for its root.
StepOutcome Do(ChildState&, const step::NewCgroupNamespace&) {
  return Check(unshare(CLONE_NEWCGROUP));
}

StepOutcome Do(ChildState&, const step::RaiseLoopback&) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failed(errno);
  ifreq request{};
  memcpy(request.ifr_name, "lo", sizeof "lo");
  StepOutcome outcome = Check(ioctl(fd, SIOCGIFFLAGS, &request));
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (outcome.os_errno == 0) outcome = Check(ioctl(fd, SIOCSIFFLAGS, &request));
  close(fd);
  return outcome;
}

// Raw calls: glibc's functions would try to tell the threads that the parent may have had.
StepOutcome Do(ChildState&, const step::BecomeRoot& s) {
  if (syscall(SYS_setresgid, s.gid, s.gid, s.gid) < 0) return Failed(errno);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return Failed(errno);
  if (syscall(SYS_setresuid, s.uid, s.uid, s.uid) < 0) return Failed(errno);
  return Check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

// Pipes without a name only: a file of the host's keeps its owner.
StepOutcome Do(ChildState&, const step::OwnStdio& s) {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) (void)!fchown(fd, s.uid, s.gid);
  }
  return {};
}

StepOutcome Do(ChildState&, const step::SetRlimit& s) {
  rlimit limit{s.soft, s.hard};
  return Check(setrlimit(static_cast<__rlimit_resource_t>(s.resource), &limit));
}

StepOutcome Do(ChildState&, const step::HideMemory&) {
  return Check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static StepOutcome SayReady() {
  const int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (!Send({.kind = ChildMessage::kReady}, std::span(&proc, proc < 0 ? 0 : 1))) return Failed(errno);
  if (proc >= 0) close(proc);
  return {};
}

// The parent's end of the socket is never used again, but for its closing. Those who work in the root join
// our namespaces through us, which the kernel refuses for a process that is hidden (HideMemory, change of
// ids); and nothing runs in the container that we would have to hide from.
StepOutcome Do(ChildState&, const step::Hold&) {
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  StepOutcome outcome = SayReady();
  if (outcome.os_errno != 0) return outcome;
  Await(ChildMessage::kGo);
  _exit(0);
}

StepOutcome Do(ChildState&, const step::AwaitGo& s) {
  if (s.joinable) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  StepOutcome outcome = SayReady();
  if (outcome.os_errno == 0) Await(ChildMessage::kGo);
  if (s.joinable) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return outcome;
}

StepOutcome Do(ChildState&, const step::DropBounding& s) {
  for (int capability = 0; capability <= kLastCapability; capability++) {
    if ((s.keep >> capability & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    return errno == EINVAL ? StepOutcome{} : Failed(errno);  // past the kernel's last one
  }
  return {};
}

StepOutcome Do(ChildState&, const step::SetIds& s) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return Failed(errno);
  if (s.set_groups && syscall(SYS_setgroups, s.groups.size(), s.groups.data()) < 0) return Failed(errno);
  if (syscall(SYS_setresgid, s.gid, s.gid, s.gid) < 0) return Failed(errno);
  return Check(syscall(SYS_setresuid, s.uid, s.uid, s.uid));
}

StepOutcome Do(ChildState& state, const step::ChangeDirectory& s) {
  if (state.entered) return {};
  if (chdir(s.path.c_str()) < 0) {
    bool second_try = !s.again && (errno == EACCES || errno == EPERM);
    return second_try ? StepOutcome{} : Failed(errno);
  }
  char where[PATH_MAX];
  long n = syscall(SYS_getcwd, where, sizeof where);
  if (n < 0) return Failed(errno);
  if (where[0] != '/') return Failed(EPERM, ChildDetail::kOutsideRoot);  // "(unreachable)/..."
  state.entered = true;
  return {};
}

StepOutcome Do(ChildState&, const step::SetUmask& s) {
  umask(s.mask);
  return {};
}

StepOutcome Do(ChildState&, const step::SetCapabilities& s) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; word++) {
    data[word].effective = static_cast<uint32_t>(s.effective >> (32 * word));
    data[word].permitted = static_cast<uint32_t>(s.permitted >> (32 * word));
    data[word].inheritable = static_cast<uint32_t>(s.inheritable >> (32 * word));
  }
  if (syscall(SYS_capset, &header, data) < 0) return Failed(errno);
  for (int capability = 0; capability <= kLastCapability; capability++)
    if ((s.ambient >> capability & 1) != 0 &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
      return Failed(errno);
  return {};
}

StepOutcome Do(ChildState&, const step::NoNewPrivileges&) {
  return Check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

// The filter lets sendmsg(2) through as it is used here (BypassFilter, RecordingFilter).
StepOutcome Do(ChildState&, const step::InstallNotifier& s) {
  sock_fprog program{static_cast<unsigned short>(s.program.size()),
                     const_cast<sock_filter*>(s.program.data())};
  // A call that was looked at is not interrupted any more, so that it has happened or not (since Linux 5.19).
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  auto install = [&] {
    return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
  };
  int listener = install();
  if (listener < 0 && errno == EINVAL) {
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    listener = install();
  }
  if (listener < 0) return Failed(errno);
  StepOutcome outcome = SendToParent(ChildMessage::kNotifier, listener, s.pass);
  close(listener);
  return outcome;
}

StepOutcome Do(ChildState&, const step::InstallSeccomp& s) {
  sock_fprog program{static_cast<unsigned short>(s.program.size()),
                     const_cast<sock_filter*>(s.program.data())};
  return Check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, s.flags, &program));
}

// The parent's descriptors are long closed; this is for what an outer program left open above them, and for
// our own.
StepOutcome Do(ChildState&, const step::CloseDescriptors&) {
  return Check(syscall(SYS_close_range, kChildSocket, ~0U, CLOSE_RANGE_CLOEXEC));
}

StepOutcome Do(ChildState& state, const step::Execute& s) {
  int worst = ENOENT;
  ChildDetail detail = ChildDetail::kNone;
  for (const std::string& path : s.candidates) {
    execve(path.c_str(), state.memory.argv.data(), state.memory.env.data());
    int failed = errno;
    bool absent = failed == ENOENT || failed == ENOTDIR;
    if (absent && faccessat(AT_FDCWD, path.c_str(), F_OK, 0) == 0)
      detail = ChildDetail::kInterpreter;
    else if (!absent && failed != EACCES)
      return Failed(failed);
    else if (failed == EACCES)
      worst = EACCES;  // as execvp: a later directory may have one that is executable
  }
  return Failed(worst, worst == ENOENT ? detail : ChildDetail::kNone);
}

ChildMemory::ChildMemory(const LaunchPlan& plan) : slots(static_cast<size_t>(plan.slot_count), -1) {
  const auto* execute = std::get_if<step::Execute>(&plan.steps.back());
  if (execute == nullptr) return;
  for (const std::string& s : execute->argv) argv.push_back(const_cast<char*>(s.c_str()));
  for (const std::string& s : execute->env) env.push_back(const_cast<char*>(s.c_str()));
  argv.push_back(nullptr);
  env.push_back(nullptr);
}

void RunLaunchChild(const LaunchPlan& plan, ChildMemory& memory, int socket) {
  ForgetParent(plan, socket);
  ChildState state{plan, memory};
  for (size_t i = 0; i < plan.steps.size(); i++) {
    StepOutcome outcome;
    if (plan.fault && plan.fault->step == i)
      outcome = Failed(plan.fault->os_errno);
    else
      outcome = std::visit([&](const auto& step) { return Do(state, step); }, plan.steps[i]);
    if (outcome.os_errno == 0) continue;
    Send({ChildMessage::kFailed, static_cast<int32_t>(i), outcome.os_errno, outcome.detail});
    _exit(125);
  }
  _exit(125);
}

}  // namespace wolffia
