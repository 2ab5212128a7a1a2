// Recording: what is reported to the listener, and the profile that is made of it.
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <algorithm>

#include "engine/runtime/seccomp.h"

namespace wolffia {
namespace {

#ifdef __x86_64__
constexpr uint32_t kNative = AUDIT_ARCH_X86_64;
constexpr const char* kNativeName = "SCMP_ARCH_X86_64";
#else
constexpr uint32_t kNative = AUDIT_ARCH_AARCH64;
constexpr const char* kNativeName = "SCMP_ARCH_AARCH64";
#endif

const SpecSeccompRule* RuleOf(const SpecSeccomp& profile, const std::string& name,
                              const std::string& action) {
  for (const SpecSeccompRule& rule : profile.syscalls)
    if (rule.action == action && std::ranges::find(rule.names, name) != rule.names.end()) return &rule;
  return nullptr;
}
bool Allows(const SpecSeccomp& profile, const std::string& name) {
  return RuleOf(profile, name, "SCMP_ACT_ALLOW") != nullptr;
}

const std::set<SeccompCall> kCalls = {
    {kNative, SYS_read}, {kNative, SYS_execve}, {kNative, SYS_clone}, {kNative, SYS_ioctl}, {kNative, 9999}};

TEST(MinimalSeccomp, IsThePartOfTheBaseThatWasUsed) {
  const SpecSeccomp base = DefaultSeccomp({});
  const SpecSeccomp profile = MinimalSeccomp(base, kCalls);
  EXPECT_EQ(profile.default_action, base.default_action);
  EXPECT_EQ(profile.default_errno_ret, base.default_errno_ret);
  EXPECT_EQ(profile.architectures, std::vector<std::string>{kNativeName});
  for (const char* name :
       {"read", "execve", "clone", "ioctl", "exit", "exit_group", "rt_sigreturn", "restart_syscall"})
    EXPECT_TRUE(Allows(profile, name)) << name;
  for (const char* name : {"write", "socket", "personality"}) EXPECT_FALSE(Allows(profile, name)) << name;
  // What the base denies of a call that was used, it goes on denying.
  const SpecSeccompRule* clone = RuleOf(profile, "clone", "SCMP_ACT_ERRNO");
  ASSERT_NE(clone, nullptr);
  EXPECT_FALSE(clone->args.empty());
  EXPECT_EQ(RuleOf(profile, "socket", "SCMP_ACT_ERRNO"), nullptr);
  EXPECT_NE(RuleOf(profile, "keyctl", "SCMP_ACT_ERRNO"), nullptr);  // with its own error, not ENOSYS
}

TEST(MinimalSeccomp, OfAPermissiveBaseSaysWhatItAllowed) {
  for (int with_base = 0; with_base < 2; with_base++) {
    std::optional<SpecSeccomp> base;
    if (with_base == 1)
      base = SpecSeccomp{
          .default_action = "SCMP_ACT_ALLOW",
          .syscalls = {{.names = {"mkdir", "reboot"}, .action = "SCMP_ACT_ERRNO", .errno_ret = EPERM}}};
    const SpecSeccomp profile = MinimalSeccomp(base, kCalls);
    EXPECT_EQ(profile.default_action, "SCMP_ACT_ERRNO");
    EXPECT_TRUE(Allows(profile, "read") && Allows(profile, "execve") && Allows(profile, "exit"));
    EXPECT_FALSE(Allows(profile, "write"));
    EXPECT_EQ(RuleOf(profile, "reboot", "SCMP_ACT_ERRNO") != nullptr, with_base == 1);
    EXPECT_TRUE(CompileSeccomp(profile, ""));
  }
}

TEST(MinimalSeccomp, SurvivesItsFile) {
  for (const std::set<SeccompCall>& calls : {kCalls, std::set<SeccompCall>()}) {
    const SpecSeccomp profile = MinimalSeccomp(DefaultSeccomp({}), calls);
    auto again = ParseSeccompProfile(SeccompProfileText(profile), {});
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(*again, profile);
    EXPECT_TRUE(CompileSeccomp(*again, ""));
  }
}

// What a program of loads, comparisons and answers says.
uint32_t Answer(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < program.size(); pc++) {
    const sock_filter& i = program[pc];
    if (i.code == (BPF_LD | BPF_W | BPF_ABS)) memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, 4);
    if (i.code == (BPF_JMP | BPF_JEQ | BPF_K)) pc += a == i.k ? i.jt : i.jf;
    if (i.code == (BPF_RET | BPF_K)) return i.k;
  }
  ADD_FAILURE() << "fell off the end";
  return 0;
}

TEST(RecordingFilter, ReportsAllButTheLaunchsOwnMessage) {
  constexpr uint64_t kPass = 0x123456789abcdef1;
  const auto program = RecordingFilter(kPass);
  seccomp_data data{};
  data.arch = kNative;
  data.nr = SYS_sendmsg;
  data.args[5] = kPass;
  EXPECT_EQ(Answer(program, data), SECCOMP_RET_ALLOW);
  for (uint64_t other : {uint64_t{0}, kPass ^ 1, kPass ^ (uint64_t{1} << 40)}) {
    data.args[5] = other;
    EXPECT_EQ(Answer(program, data), SECCOMP_RET_USER_NOTIF);
  }
  data.args[5] = kPass;
  for (int number : {SYS_read, SYS_write, SYS_execve, SYS_sendmmsg, 9999}) {
    data.nr = number;
    EXPECT_EQ(Answer(program, data), SECCOMP_RET_USER_NOTIF);
  }
}

TEST(RecordedFile, IsPodmansAnnotation) {
  RuntimeSpec spec;
  EXPECT_EQ(RecordedFile(spec).value_or("x"), "");
  spec.annotations[kRecordAnnotation] = "of:/tmp/x";
  EXPECT_EQ(RecordedFile(spec).value_or(""), "/tmp/x");
  for (const char* wrong : {"", "of:", "of:x", "if:/a;of:/b"}) {
    spec.annotations[kRecordAnnotation] = wrong;
    EXPECT_FALSE(RecordedFile(spec)) << wrong;
  }
}

}  // namespace
}  // namespace wolffia
