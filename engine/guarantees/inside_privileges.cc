// Confinement: the capabilities and the filter that a container gets, put on a copy of this process, which
// then tries what they forbid.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "engine/guarantees/inside_trial.h"
#include "engine/landlock/policy.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/seccomp.h"

namespace wolffia {
namespace {

constexpr int kLastCapability = 40;

std::vector<std::string> UsualCapabilities() {
  return ContainerCapabilities({}, {}, kLastCapability).value_or(std::vector<std::string>());
}

int LimitCapabilities() {
  uint64_t keep = 0;
  for (const std::string& name : UsualCapabilities()) keep |= uint64_t{1} << CapabilityNumber(name);
  for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
    if ((keep >> number & 1) == 0 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) return errno;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; word++)
    data[word].effective = data[word].permitted = static_cast<uint32_t>(keep >> (32 * word));
  return ErrorOf(syscall(SYS_capset, &header, data));
}

// Without CAP_SYS_ADMIN it may not mount, and cannot take the capability back.
int BoundCapabilities() {
  if (int error = LimitCapabilities()) return error;
  if (mount("tmpfs", kPlace, "tmpfs", 0, nullptr) == 0) return EEXIST;
  return errno == EPERM && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 ? 0 : EEXIST;
}

// A keyring can be asked for by anybody, but not under the built-in profile.
bool KeyringAnswers() {
  constexpr int kGetKeyringId = 0, kThreadKeyring = -1;
  return syscall(SYS_keyctl, kGetKeyringId, kThreadKeyring, 1) >= 0;
}

int Confine(const std::vector<sock_filter>& filter) {
  const bool before = KeyringAnswers();
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) return errno;
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) return EEXIST;
  return before && KeyringAnswers() ? EEXIST : 0;
}

// Under a policy that lets it read, it cannot write.
int Enclose() {
  LandlockPolicy policy{.name = "trial", .write = std::vector<std::string>()};
  policy.best_effort = true;  // what came later is no part of the promise
  auto rules = CompileLandlock(policy, LandlockVersion());
  if (!rules || rules->ruleset.empty()) return ENOSYS;
  if (auto entered = RestrictSelf(rules->ruleset); !entered) return entered.error().os_errno;
  const std::string file = std::string(kPlace) + "/landlock";
  if (open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) return EEXIST;
  return errno == EACCES && open(kPlace, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0 ? 0 : EEXIST;
}

}  // namespace

void TryPrivileges(const InsideRequest& request) {
  TrialResults& results = *request.results;
  results[Trial::kCapabilities] = InCopy(BoundCapabilities);
  auto filter = CompileSeccomp(DefaultSeccomp(UsualCapabilities()), request.seccomp_cache);
  if (!filter) filter = CompileSeccomp(DefaultSeccomp(UsualCapabilities()), "");
  results[Trial::kLandlock] = InCopy(Enclose);
  results[Trial::kSeccomp] = filter ? InCopy([&] { return Confine(*filter); }) : EINVAL;
}

}  // namespace wolffia
