// Seccomp profiles: what they decide is asked twice: of the BPF program, by an interpreter, for every
// architecture; and of the kernel, by installing it in a child.
#include "engine/runtime/seccomp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "engine/base/file.h"

namespace wolffia {
namespace {

const std::vector<std::string> kDefaultCapabilities = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID", "CAP_KILL",      "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"};

using Program = std::vector<sock_filter>;

// What the program answers to a call; classic BPF as seccomp has it.
uint32_t Answer(const Program& program, const seccomp_data& data) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < program.size(); pc++) {
    const sock_filter& i = program[pc];
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= i.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += a > i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (a & i.k) != 0 ? i.jt : i.jf;
        break;
      case BPF_RET | BPF_K:
        return i.k;
      default:
        ADD_FAILURE() << "instruction " << i.code;
        return 0;
    }
  }
  ADD_FAILURE() << "fell off the end";
  return 0;
}

constexpr uint32_t Errno(int e) {
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(e);
}

#ifdef __x86_64__
constexpr uint32_t kNative = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kNative = AUDIT_ARCH_AARCH64;
#endif

uint32_t Ask(const Program& program, int number, std::vector<uint64_t> args = {},
             uint32_t architecture = kNative) {
  seccomp_data data{};
  data.nr = number;
  data.arch = architecture;
  for (size_t i = 0; i < args.size(); i++) data.args[i] = args[i];
  return Answer(program, data);
}

Program MustCompile(const SpecSeccomp& profile) {
  Result<Program> program = CompileSeccomp(profile, "");
  EXPECT_TRUE(program) << program.error().what;
  return program.value_or(Program());
}

Program DefaultProgram(std::vector<std::string> extra = {}) {
  extra.insert(extra.end(), kDefaultCapabilities.begin(), kDefaultCapabilities.end());
  return MustCompile(DefaultSeccomp(extra));
}

TEST(DefaultSeccomp, AnswersByGroup) {
  Program program = DefaultProgram();
  EXPECT_LE(program.size(), BPF_MAXINSNS);
  for (int allowed :
       {SYS_read, SYS_openat, SYS_execve, SYS_mmap, SYS_futex, SYS_clock_gettime, SYS_ptrace, SYS_chroot,
        SYS_rseq, SYS_getrandom, SYS_epoll_pwait2, SYS_openat2, SYS_close_range, SYS_mbind, SYS_statx})
    EXPECT_EQ(Ask(program, allowed), SECCOMP_RET_ALLOW) << allowed;
  for (int denied : {SYS_mount,       SYS_umount2,           SYS_unshare,     SYS_setns,
                     SYS_bpf,         SYS_perf_event_open,   SYS_keyctl,      SYS_add_key,
                     SYS_request_key, SYS_kexec_load,        SYS_init_module, SYS_reboot,
                     SYS_pivot_root,  SYS_open_by_handle_at, SYS_userfaultfd, SYS_io_uring_setup,
                     SYS_syslog,      SYS_settimeofday,      SYS_swapon,      SYS_acct,
                     SYS_fsopen,      SYS_move_mount,        SYS_sethostname, SYS_quotactl})
    EXPECT_EQ(Ask(program, denied), Errno(EPERM)) << denied;
  for (int unknown : {SYS_clone3, 335, 460, 9999, -1})
    EXPECT_EQ(Ask(program, unknown), Errno(ENOSYS)) << unknown;
}

TEST(DefaultSeccomp, LooksAtArguments) {
  Program program = DefaultProgram();
  EXPECT_EQ(Ask(program, SYS_clone, {SIGCHLD}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, SYS_clone, {0x3d0f00}), SECCOMP_RET_ALLOW);  // a thread
  for (uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET})
    EXPECT_EQ(Ask(program, SYS_clone, {flag | SIGCHLD}), Errno(EPERM)) << flag;
  for (uint64_t value : {0u, 8u, 0x20000u, 0x20008u, 0x40000u, 0xffffffffu})
    EXPECT_EQ(Ask(program, SYS_personality, {value}), SECCOMP_RET_ALLOW) << value;
  EXPECT_EQ(Ask(program, SYS_personality, {0x0400000}), Errno(ENOSYS));  // READ_IMPLIES_EXEC
  EXPECT_EQ(Ask(program, SYS_ioctl, {0, 0x5401}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, SYS_ioctl, {0, 0x5412}), Errno(EPERM));
  EXPECT_EQ(Ask(program, SYS_ioctl, {0, 0x541c}), Errno(EPERM));
  EXPECT_EQ(Ask(program, SYS_ioctl, {0, 0x100005412}), Errno(EPERM)) << "the kernel ignores the upper half";
  for (uint64_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_CAN})
    EXPECT_EQ(Ask(program, SYS_socket, {family, SOCK_STREAM, 0}), SECCOMP_RET_ALLOW) << family;
  for (uint64_t family : {AF_VSOCK, AF_ALG, AF_X25, AF_TIPC, AF_RDS})
    EXPECT_EQ(Ask(program, SYS_socket, {family, SOCK_STREAM, 0}), Errno(EAFNOSUPPORT)) << family;
  EXPECT_EQ(Ask(program, SYS_socket, {(uint64_t{1} << 32) | AF_VSOCK}), Errno(EAFNOSUPPORT));
  EXPECT_EQ(Ask(program, SYS_socket, {AF_NETLINK, SOCK_RAW, 9}), Errno(EINVAL));
}

TEST(DefaultSeccomp, CapabilitiesOpenTheirCalls) {
  Program admin = DefaultProgram({"CAP_SYS_ADMIN"});
  for (int number : {SYS_mount, SYS_unshare, SYS_setns, SYS_clone3, SYS_bpf, SYS_fsopen})
    EXPECT_EQ(Ask(admin, number), SECCOMP_RET_ALLOW) << number;
  EXPECT_EQ(Ask(admin, SYS_clone, {CLONE_NEWUSER}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(admin, SYS_keyctl), Errno(EPERM));
  EXPECT_EQ(Ask(DefaultProgram({"CAP_SYSLOG"}), SYS_syslog), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(DefaultProgram({"CAP_BPF"}), SYS_bpf), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(DefaultProgram({"CAP_AUDIT_WRITE"}), SYS_socket, {AF_NETLINK, SOCK_RAW, 9}),
            SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(MustCompile(DefaultSeccomp({})), SYS_chroot), Errno(EPERM));
}

#ifdef __x86_64__
// The other two ways into the same kernel must not be open doors.
TEST(DefaultSeccomp, HoldsForTheOtherArchitectures) {
  Program program = DefaultProgram();
  EXPECT_EQ(Ask(program, 3, {}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);  // read
  EXPECT_EQ(Ask(program, 21, {}, AUDIT_ARCH_I386), Errno(EPERM));      // mount
  EXPECT_EQ(Ask(program, 310, {}, AUDIT_ARCH_I386), Errno(EPERM));     // unshare
  EXPECT_EQ(Ask(program, 120, {CLONE_NEWUSER}, AUDIT_ARCH_I386), Errno(EPERM));
  EXPECT_EQ(Ask(program, 120, {SIGCHLD}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, 54, {0, 0x5412}, AUDIT_ARCH_I386), Errno(EPERM));  // ioctl
  EXPECT_EQ(Ask(program, 54, {0, 0x5401}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, 102, {1, 0}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);  // socketcall
  EXPECT_EQ(Ask(program, 359, {AF_INET}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, 403, {}, AUDIT_ARCH_I386), SECCOMP_RET_ALLOW);  // clock_gettime64
  constexpr int kX32 = 0x40000000;
  EXPECT_EQ(Ask(program, kX32 | 0), SECCOMP_RET_ALLOW);  // read
  EXPECT_EQ(Ask(program, kX32 | SYS_mount), Errno(EPERM));
  EXPECT_EQ(Ask(program, kX32 | SYS_clone, {CLONE_NEWUSER}), Errno(EPERM));
  EXPECT_EQ(Ask(program, kX32 | SYS_socket, {AF_VSOCK}), Errno(EAFNOSUPPORT));
  EXPECT_EQ(Ask(program, kX32 | 514, {0, 0x5412}), Errno(EPERM));  // x32's own ioctl
  EXPECT_EQ(Ask(program, 0, {}, AUDIT_ARCH_AARCH64), SECCOMP_RET_KILL_THREAD);
}
#endif

// Each call that libseccomp knows was thought about: it is in exactly one list.
TEST(DefaultSeccomp, KnowsEveryCall) {
  SpecSeccomp profile = DefaultSeccomp(kDefaultCapabilities);
  std::map<std::string, int> seen;
  for (const SpecSeccompRule& rule : profile.syscalls)
    if (rule.args.empty())
      for (const std::string& name : rule.names) seen[name]++;
  for (const auto& [name, count] : seen) EXPECT_EQ(count, 1) << name;
  // The kernel answers ENOSYS to these whatever we say, or an argument rule has them.
  const std::set<std::string> kGone = {"_sysctl",  "afs_syscall", "create_module", "get_kernel_syms",
                                       "getpmsg",  "nfsservctl",  "putpmsg",       "query_module",
                                       "security", "tuxcall",     "vserver",       "personality"};
  for (int number = 0; number < 600; number++) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
    if (name == nullptr) continue;
    EXPECT_TRUE(seen.contains(name) || kGone.contains(name)) << name << " is in no list";
    free(name);
  }
}

// Runs `body` in a child under the program; its result is the exit code.
int RunUnder(const Program& program, const std::function<int()>& body) {
  pid_t pid = fork();
  if (pid == 0) {
    sock_fprog filter{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      _exit(99);
    _exit(body());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int ErrnoOf(long result) {
  return result < 0 ? errno : 0;
}

TEST(DefaultSeccomp, HoldsInTheKernel) {
  Program program = DefaultProgram();
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(syscall(9999)); }), ENOSYS);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(mount("none", "/", nullptr, MS_REMOUNT, nullptr)); }),
            EPERM);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(unshare(CLONE_NEWUSER)); }), EPERM);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(syscall(SYS_keyctl, 0, -3, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(socket(AF_VSOCK, SOCK_STREAM, 0)); }), EAFNOSUPPORT);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(ioctl(0, TIOCSTI, "x")); }), EPERM);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(personality(0x0400000)); }), ENOSYS);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(personality(0xffffffff)); }), 0);
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(socket(AF_UNIX, SOCK_STREAM, 0)); }), 0);
  EXPECT_EQ(
      RunUnder(program, [] { return execl("/bin/sh", "sh", "-c", "ls / | grep -q etc && exit 7", nullptr); }),
      7);
}

TEST(SeccompProfile, LoadsPodmansFile) {
  Result<std::string> text = ReadFile("/usr/share/containers/seccomp.json", 1 << 20);
  if (!text) GTEST_SKIP() << "podman's profile is not installed";
  Result<SpecSeccomp> profile = ParseSeccompProfile(*text, kDefaultCapabilities);
  ASSERT_TRUE(profile) << profile.error().what;
  Program program = MustCompile(*profile);
  EXPECT_EQ(Ask(program, SYS_read), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, SYS_acct), Errno(EPERM));
  EXPECT_EQ(Ask(program, 9999), Errno(ENOSYS));
  EXPECT_EQ(RunUnder(program, [] { return ErrnoOf(getpid()); }), 0);
  std::vector<std::string> more = kDefaultCapabilities;
  more.push_back("CAP_SYS_PACCT");
  EXPECT_EQ(Ask(MustCompile(*ParseSeccompProfile(*text, more)), SYS_acct), SECCOMP_RET_ALLOW);
}

TEST(SeccompProfile, ConditionsAndForms) {
  constexpr std::string_view kProfile = R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
      {"name": "getpid", "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
      {"names": ["getppid", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errno": "EBUSY"},
      {"names": ["uname"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_KILL"], "minKernel": "3.0"}},
      {"names": ["sync"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}},
      {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_KILL"]}},
      {"names": ["getgid"], "action": "SCMP_ACT_ERRNO", "excludes": {"arches": ["amd64", "arm64"]}},
      {"names": ["dup2"], "action": "SCMP_ACT_ERRNO", "args": [
        {"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]}
    ]})";
  Result<SpecSeccomp> profile = ParseSeccompProfile(kProfile, kDefaultCapabilities);
  ASSERT_TRUE(profile) << profile.error().what;
  Program program = MustCompile(*profile);
  EXPECT_EQ(Ask(program, SYS_getpid), Errno(7));
  EXPECT_EQ(Ask(program, SYS_getppid), Errno(EBUSY));
  EXPECT_EQ(Ask(program, SYS_uname), Errno(EPERM));
  for (int number : {SYS_sync, SYS_getuid, SYS_getgid}) EXPECT_EQ(Ask(program, number), SECCOMP_RET_ALLOW);
#ifdef SYS_dup2
  EXPECT_EQ(Ask(program, SYS_dup2, {UINT64_MAX}), Errno(EPERM));
  EXPECT_EQ(Ask(program, SYS_dup2, {5}), Errno(EPERM)) << "one argument twice: either";
  EXPECT_EQ(Ask(program, SYS_dup2, {6}), SECCOMP_RET_ALLOW);
#endif
}

TEST(SeccompProfile, RefusesWhatItCannotHold) {
  struct Case {
    const char* json;
    const char* words;
  } cases[] = {
      {"", "JSON"},
      {"[]", "not an object"},
      {"{}", "defaultAction"},
      {R"({"defaultAction": 5})", "defaultAction"},
      {R"({"defaultAction": "SCMP_ACT_NONSENSE"})", "unknown action"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "agent"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]})", "unknown architecture"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [5]})", "not an object"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_KILL"}]})", "names"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"]}]})", "action"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EWHAT"}]})",
       "error name"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 70000}]})",
       "error number"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL",
         "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]})",
       "0 to 5"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL",
         "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}]})",
       "64 bits"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL",
         "args": [{"index": 0, "op": "LIKE"}]}]})",
       "unknown operator"},
  };
  for (const Case& c : cases) {
    Result<SpecSeccomp> profile = ParseSeccompProfile(c.json, {});
    Error error = profile ? CompileSeccomp(*profile, "").error() : profile.error();
    EXPECT_NE(error.what.find(c.words), std::string::npos) << c.json << ": " << error.what;
  }
}

TEST(SeccompCache, KeepsAndMistrustsItsFiles) {
  char directory[] = "/tmp/wolffia-seccomp.XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  std::string cache = std::string(directory) + "/cache";
  SpecSeccomp profile = DefaultSeccomp(kDefaultCapabilities);
  Program fresh = MustCompile(profile);
  auto same = [&](const Result<Program>& other) {
    return other && other->size() == fresh.size() &&
           memcmp(other->data(), fresh.data(), fresh.size() * sizeof(sock_filter)) == 0;
  };
  EXPECT_TRUE(same(CompileSeccomp(profile, cache)));
  std::vector<std::string> names = *ListDirectory(AT_FDCWD, cache);
  ASSERT_EQ(names.size(), 1u);
  std::string path = cache + "/" + names[0];
  std::string good = *ReadFile(path, 1 << 20);
  EXPECT_TRUE(same(CompileSeccomp(profile, cache)));
  std::string bad = good;
  bad[good.size() - 5] ^= 1;
  for (const std::string& content :
       {std::string(), good.substr(0, 20), good.substr(0, good.size() - 8), bad, good + "x"}) {
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, path, content, 0600, Durability::kVolatile));
    EXPECT_TRUE(same(CompileSeccomp(profile, cache)));
    EXPECT_EQ(*ReadFile(path, 1 << 20), good) << "made again";
  }
  EXPECT_FALSE(same(CompileSeccomp(DefaultSeccomp({}), cache)));
  EXPECT_TRUE(same(CompileSeccomp(profile, "/proc/nowhere"))) << "a cache that cannot be written is no error";
  EXPECT_TRUE(RemoveTreeAt(AT_FDCWD, directory));
}

}  // namespace
}  // namespace wolffia
