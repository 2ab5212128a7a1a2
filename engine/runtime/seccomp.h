// Seccomp filters: the default profile (our own allow-list), OCI profiles from a file, and their compilation to BPF by
// libseccomp. ENOSYS for calls that the profile does not know, EPERM for those that it denies (so that programs fall
// back as on an old kernel).
#pragma once

#include <linux/filter.h>

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

}  // namespace wolffia
