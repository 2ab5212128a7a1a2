// The built-in seccomp profile: an allow-list by subject. A call that stands nowhere here is answered ENOSYS,
// as an old kernel would, so that programs fall back to an older one; a call that we know and deny is
// answered EPERM. A new call is therefore denied until somebody has thought about it and put it into a list.
#include <errno.h>

#include <algorithm>

#include "engine/runtime/seccomp.h"
#include "engine/runtime/text_fields.h"

namespace wolffia {
namespace {

// --- Allowed to everybody ---

constexpr std::string_view kFiles =
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat "
    "faccessat2 "
    "fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
    "fchownat fcntl "
    "fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat "
    "getcwd "
    "getdents getdents64 ioctl lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod "
    "mknodat "
    "name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev "
    "pwritev2 read "
    "readahead readdir readlink readlinkat readv rename renameat renameat2 rmdir sendfile sendfile64 splice "
    "stat stat64 "
    "statfs statfs64 statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs tee truncate "
    "truncate64 umask "
    "unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev cachestat file_getattr "
    "file_setattr";
constexpr std::string_view kExtendedAttributes =
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat "
    "llistxattr "
    "lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat";
constexpr std::string_view kMemory =
    "brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap "
    "mmap2 mprotect "
    "mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_madvise "
    "process_mrelease "
    "remap_file_pages futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list "
    "set_robust_list "
    // Of the caller's own memory; MPI and OpenMP libraries ask for it at start and complain when it is
    // refused.
    "get_mempolicy mbind set_mempolicy set_mempolicy_home_node";
constexpr std::string_view kProcesses =
    "execve execveat exit exit_group fork vfork wait4 waitid waitpid getpgid getpgrp getpid getppid getsid "
    "gettid "
    "setpgid setsid pidfd_open pidfd_send_signal prctl arch_prctl set_tid_address set_thread_area "
    "get_thread_area "
    "modify_ldt rseq getcpu getpriority setpriority nice getrlimit ugetrlimit setrlimit prlimit64 getrusage "
    "times uname "
    "sysinfo ioprio_get ioprio_set sched_getaffinity sched_getattr sched_getparam sched_get_priority_max "
    "sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
    "sched_setaffinity "
    "sched_setattr sched_setparam sched_setscheduler sched_yield seccomp landlock_add_rule "
    "landlock_create_ruleset "
    "landlock_restrict_self lsm_get_self_attr lsm_list_modules lsm_set_self_attr getrandom uretprobe uprobe "
    // Debuggers. The kernel asks for the same rights for all of them, and since 4.8 a tracer cannot step
    // around seccomp.
    "ptrace process_vm_readv process_vm_writev pidfd_getfd";
constexpr std::string_view kIdentity =
    "capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid "
    "getresgid32 "
    "getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
    "setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid "
    "setuid32";
constexpr std::string_view kSignals =
    "alarm getitimer kill pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
    "rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer sgetmask sigaction "
    "sigaltstack "
    "signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend ssetmask tgkill tkill";
constexpr std::string_view kTime =
    // adjtimex and clock_adjtime also read; the kernel lets only CAP_SYS_TIME of the host write.
    "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete "
    "timer_getoverrun "
    "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
    "timerfd_gettime64 "
    "timerfd_settime timerfd_settime64";
constexpr std::string_view kWaiting =
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old "
    "eventfd "
    "eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel "
    "io_destroy "
    "io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 "
    "pselect6 "
    "pselect6_time64 select";
constexpr std::string_view kSockets =
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
    "recvmmsg_time64 "
    // A 32-bit x86 program passes socketcall its family in memory, where no filter sees it: kDeniedFamilies
    // holds for the others.
    "recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair";
constexpr std::string_view kIpc =
    "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
    "mq_timedsend_time64 "
    "mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl "
    "shmdt shmget";
constexpr std::string_view kMountsRead = "listmount statmount";  // no more than /proc/self/mountinfo says
constexpr std::string_view kOfOneArchitecture =
    "arm_sync_file_range breakpoint cacheflush set_tls get_tls riscv_flush_icache riscv_hwprobe";

constexpr std::string_view kAllowed[] = {kFiles,      kExtendedAttributes,
                                         kMemory,     kProcesses,
                                         kIdentity,   kSignals,
                                         kTime,       kWaiting,
                                         kSockets,    kIpc,
                                         kMountsRead, kOfOneArchitecture};

// --- Allowed to the holders of a capability, EPERM to others ---

struct Conditional {
  std::string_view calls;
  std::string_view capabilities;  // any of them
};
constexpr Conditional kConditional[] = {
    {"chroot", "CAP_SYS_CHROOT"},
    {"fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree "
     "open_tree_attr pivot_root quotactl quotactl_fd setdomainname sethostname setns swapoff swapon umount "
     "umount2 "
     "unshare",
     "CAP_SYS_ADMIN"},
    {"bpf", "CAP_SYS_ADMIN CAP_BPF"},
    {"perf_event_open", "CAP_SYS_ADMIN CAP_PERFMON"},
    {"syslog", "CAP_SYS_ADMIN CAP_SYSLOG"},
    {"open_by_handle_at", "CAP_DAC_READ_SEARCH"},  // CVE-2014-3519 of docker, "shocker"
    {"kcmp", "CAP_SYS_PTRACE"},
    {"migrate_pages move_pages", "CAP_SYS_NICE"},
    {"reboot", "CAP_SYS_BOOT"},
    {"delete_module finit_module init_module", "CAP_SYS_MODULE"},
    {"acct", "CAP_SYS_PACCT"},
    {"ioperm iopl", "CAP_SYS_RAWIO"},
    {"clock_settime clock_settime64 settimeofday stime", "CAP_SYS_TIME"},
    {"vhangup", "CAP_SYS_TTY_CONFIG"},
};

// Denied to all: keys are shared with the host's user, userfaultfd and io_uring are the tools of many kernel
// exploits, the rest has no use in a container.
constexpr std::string_view kDenied =
    "add_key keyctl request_key userfaultfd io_uring_enter io_uring_register io_uring_setup kexec_file_load "
    "kexec_load "
    "pciconfig_iobase pciconfig_read pciconfig_write sysfs uselib ustat vm86 vm86old";

// --- Arguments ---

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
constexpr uint64_t kNamespaceFlags[] = {0x20000,    0x2000000,  0x4000000, 0x8000000,
                                        0x10000000, 0x20000000, 0x40000000};

// PER_LINUX, PER_LINUX32, with UNAME26 each; ADDR_NO_RANDOMIZE, which debuggers and old programs want for
// themselves; all ones is a question.
constexpr uint64_t kPersonalities[] = {0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff};

// Push input into a terminal: a container without a terminal of its own may hold the user's.
constexpr uint64_t kTiocsti = 0x5412, kTioclinux = 0x541c;

// Addresses outside of any network namespace (AF_VSOCK), the kernel's crypto (AF_ALG), and old protocols
// whose modules the kernel would load for anybody who asks: AX.25, IPX, AppleTalk, NET/ROM, ATM, X.25, ROSE,
// DECnet, econet, RDS, IrDA, LLC, TIPC, RxRPC, Phonet, CAIF, NFC.
constexpr uint64_t kDeniedFamilies[] = {40, 38, 3,  4,  5,  6,  8,  9,  11, 12,
                                        19, 20, 21, 23, 26, 30, 33, 35, 37, 39};
constexpr uint64_t kNetlink = 16, kNetlinkAudit = 9;

// The kernel looks at 32 bits of these arguments; a filter must not look at more (CVE-2019-10063).
SpecSeccompArg Low32Is(uint32_t index, uint64_t value) {
  return {.index = index, .value = 0xffffffff, .value_two = value, .op = "SCMP_CMP_MASKED_EQ"};
}

SpecSeccompRule Allow(std::vector<std::string> names) {
  return {.names = std::move(names), .action = "SCMP_ACT_ALLOW"};
}

SpecSeccompRule Deny(std::vector<std::string> names, uint32_t error, std::vector<SpecSeccompArg> args = {}) {
  return {.names = std::move(names), .action = "SCMP_ACT_ERRNO", .errno_ret = error, .args = std::move(args)};
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string_view word : SplitFields(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

// Has the process one of these capabilities?
class Holder {
 public:
  explicit Holder(const std::vector<std::string>& bounding) : bounding_(bounding) {}
  bool Has(std::string_view any_of) const {
    for (const std::string& name : Words(any_of))
      if (std::find(bounding_.begin(), bounding_.end(), name) != bounding_.end()) return true;
    return false;
  }

 private:
  const std::vector<std::string>& bounding_;
};

// New namespaces give the kernel's whole attack surface: only with CAP_SYS_ADMIN. clone3 has its flags in
// memory, which a filter cannot read: libc falls back to clone when it is not there.
void AddClone(const Holder& holder, std::vector<SpecSeccompRule>& rules) {
  rules.push_back(Allow({"clone"}));
  if (holder.Has("CAP_SYS_ADMIN")) {
    rules.push_back(Allow({"clone3"}));
    return;
  }
#ifdef __s390x__
  constexpr uint32_t kFlagsArgument = 1;
#else
  constexpr uint32_t kFlagsArgument = 0;
#endif
  for (uint64_t flag : kNamespaceFlags)
    rules.push_back(Deny({"clone"}, EPERM, {{kFlagsArgument, flag, flag, "SCMP_CMP_MASKED_EQ"}}));
  rules.push_back(Deny({"clone3"}, ENOSYS));
}

void AddArguments(const Holder& holder, std::vector<SpecSeccompRule>& rules) {
  for (uint64_t value : kPersonalities) {
    SpecSeccompRule rule = Allow({"personality"});
    rule.args = {{.index = 0, .value = value, .op = "SCMP_CMP_EQ"}};
    rules.push_back(std::move(rule));
  }
  for (uint64_t command : {kTiocsti, kTioclinux})
    rules.push_back(Deny({"ioctl"}, EPERM, {Low32Is(1, command)}));
  for (uint64_t family : kDeniedFamilies)
    rules.push_back(Deny({"socket"}, EAFNOSUPPORT, {Low32Is(0, family)}));
  // "No audit here" in the word that libaudit understands; EPERM would make login programs give up.
  if (!holder.Has("CAP_AUDIT_WRITE"))
    rules.push_back(Deny({"socket"}, EINVAL, {Low32Is(0, kNetlink), Low32Is(2, kNetlinkAudit)}));
}

std::vector<std::string> Architectures() {
#if defined(__x86_64__)
  return {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
  return {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#else
  return {};  // the native one
#endif
}

}  // namespace

SpecSeccomp DefaultSeccomp(const std::vector<std::string>& bounding) {
  Holder holder(bounding);
  SpecSeccomp profile{
      .default_action = "SCMP_ACT_ERRNO", .default_errno_ret = ENOSYS, .architectures = Architectures()};
  for (std::string_view calls : kAllowed) profile.syscalls.push_back(Allow(Words(calls)));
  for (const Conditional& c : kConditional)
    profile.syscalls.push_back(holder.Has(c.capabilities) ? Allow(Words(c.calls))
                                                          : Deny(Words(c.calls), EPERM));
  profile.syscalls.push_back(Deny(Words(kDenied), EPERM));
  AddClone(holder, profile.syscalls);
  AddArguments(holder, profile.syscalls);
  return profile;
}

}  // namespace wolffia
