// Seccomp filters: the default profile (our own allow-list), OCI profiles from a file, and their compilation to BPF by
// libseccomp. ENOSYS for calls that the profile does not know, EPERM for those that it denies (so that programs fall
// back as on an old kernel).
#pragma once

#include <linux/filter.h>

#include <compare>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {

// The built-in profile for a process that holds these capabilities ("CAP_SYS_ADMIN" allows mount, and so on).
SpecSeccomp DefaultSeccomp(const std::vector<std::string>& bounding);

// A profile in the JSON format of docker, podman and containers-common (includes/excludes by caps, arches, minKernel).
Result<SpecSeccomp> ParseSeccompProfile(std::string_view json, const std::vector<std::string>& bounding);

// The BPF program that the child installs. Unknown system call names are skipped (a newer profile); an unknown action,
// architecture or operator is kInvalid. Compiling costs milliseconds: `cache_dir` (0700, ours) keeps programs by the
// hash of their source and libseccomp's version; empty: no cache. A cache file that is malformed is made again.
Result<std::vector<sock_filter>> CompileSeccomp(const SpecSeccomp& profile, const std::string& cache_dir);

// --- Recording (--seccomp-record) ---

struct SeccompCall {
  uint32_t architecture = 0;  // AUDIT_ARCH_*
  int number = 0;
  auto operator<=>(const SeccompCall&) const = default;
};

// Has the listener asked about every call, except the sendmsg(2) whose sixth argument, which is none, is `pass`.
std::vector<sock_filter> RecordingFilter(uint64_t pass);

// Where the profile of a container that is recorded goes: the annotation that podman's hook for it has, with
// "of:" and an absolute path. Empty: it is not recorded. kUnsupported for another value.
inline constexpr const char* kRecordAnnotation = "io.containers.trace-syscall";
Result<std::string> RecordedFile(const RuntimeSpec& spec);

// What `base` (nullopt: unconfined) allows of these calls, and nothing else; what it denies stays denied, with the same
// errors. Pure.
SpecSeccomp MinimalSeccomp(const std::optional<SpecSeccomp>& base, const std::set<SeccompCall>& calls);

// A profile as a file, which ParseSeccompProfile reads.
std::string SeccompProfileText(const SpecSeccomp& profile);

}  // namespace wolffia
