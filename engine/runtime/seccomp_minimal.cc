// Recording: the filter that has every call of a container reported, and the profile that allows no more than
// those that were.
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <algorithm>

#include "engine/oci/json.h"
#include "engine/runtime/seccomp.h"

namespace wolffia {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

// A program uses these or not as chance has it: how a signal hit it, which thread was the last.
constexpr std::string_view kAlways[] = {"exit", "exit_group", "restart_syscall", "rt_sigreturn"};

struct Used {
  std::set<std::string> names;
  std::set<uint32_t> architectures;  // libseccomp's
};

Used NamesOf(const std::set<SeccompCall>& calls) {
  Used used{{std::begin(kAlways), std::end(kAlways)}, {}};
  for (const SeccompCall& call : calls) {
    const bool x32 =
        call.architecture == SCMP_ARCH_X86_64 && (static_cast<uint32_t>(call.number) & kX32Bit) != 0;
    const uint32_t architecture = x32 ? SCMP_ARCH_X32 : call.architecture;
    char* name = seccomp_syscall_resolve_num_arch(architecture, call.number);
    if (name == nullptr) continue;  // newer than our libseccomp: no profile can name it
    used.names.insert(name);
    used.architectures.insert(architecture);
    free(name);
  }
  return used;
}

bool Permits(const std::string& action) {
  return action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG";
}

// "SCMP_ARCH_X86_64" as libseccomp's number; 0: it does not know it.
uint32_t ArchitectureOf(const std::string& name) {
  std::string lower = name.substr(std::min(name.size(), sizeof "SCMP_ARCH_" - 1));
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return seccomp_arch_resolve_name(lower.c_str());
}

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

}  // namespace

// The launch's own message with the listener: nobody answers before it has arrived. Unused arguments of a
// call are the filter's to see, and nobody inside knows the number.
std::vector<sock_filter> RecordingFilter(uint64_t pass) {
  const size_t sixth = offsetof(seccomp_data, args) + 5 * sizeof(uint64_t);
  const auto low = static_cast<uint32_t>(pass), high = static_cast<uint32_t>(pass >> 32);
  constexpr size_t kHighHalf = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 4 : 0;
  return {
      Load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 5),
      Load(sixth + (4 - kHighHalf)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 3),
      Load(sixth + kHighHalf),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
}

Result<std::string> RecordedFile(const RuntimeSpec& spec) {
  const auto found = spec.annotations.find(kRecordAnnotation);
  if (found == spec.annotations.end()) return std::string();
  if (found->second.starts_with("of:/")) return found->second.substr(3);
  return Fail(Code::kUnsupported,
              std::string("the annotation ") + kRecordAnnotation +
                  ": only of: with an absolute path is supported, as --seccomp-record makes it");
}

SpecSeccomp MinimalSeccomp(const std::optional<SpecSeccomp>& base, const std::set<SeccompCall>& calls) {
  Used used = NamesOf(calls);
  SpecSeccomp profile = base ? *base : DefaultSeccomp({});
  std::erase_if(profile.architectures,
                [&](const std::string& name) { return !used.architectures.contains(ArchitectureOf(name)); });
  const bool strict = base && !Permits(base->default_action);
  if (!base) profile.syscalls.clear();
  if (!strict) {
    profile.default_action = "SCMP_ACT_ERRNO";
    profile.default_errno_ret = ENOSYS;
  }
  for (SpecSeccompRule& rule : profile.syscalls)
    if (Permits(rule.action) || !rule.args.empty())
      std::erase_if(rule.names, [&](const std::string& name) { return !used.names.contains(name); });
  std::erase_if(profile.syscalls, [](const SpecSeccompRule& rule) { return rule.names.empty(); });
  SpecSeccompRule plain{.names = {std::begin(kAlways), std::end(kAlways)},
                        .action = "SCMP_ACT_ALLOW"};
  // What a permissive profile allows by saying nothing has to be said now.
  if (!strict) plain.names.assign(used.names.begin(), used.names.end());
  profile.syscalls.push_back(std::move(plain));
  return profile;
}

std::string SeccompProfileText(const SpecSeccomp& profile) {
  RuntimeSpec spec;
  spec.seccomp = profile;
  auto document = ParseJson(spec.Serialize());
  return document ? (*document)["linux"]["seccomp"].dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                  : std::string();
}

}  // namespace wolffia
