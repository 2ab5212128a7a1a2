// Ulimit: resource limits of a container (--ulimit, run.default_ulimits). An ordinary user cannot raise a
// hard limit: one that cannot hold is an error that names it, never silently lowered.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {

// The limits of this process: "RLIMIT_CORE" ... "RLIMIT_RTTIME".
std::vector<SpecRlimit> CurrentLimits();

// `flags` of --ulimit ("nofile=1024:2048", "nproc=100", "-1" is unlimited, "host" is all of ours as they are)
// over `defaults` (the same syntax, of the settings) over the peers' default: descriptors and processes as
// many as our hard limits allow, up to 1,048,576. `own` are our limits.
Result<std::vector<SpecRlimit>> ContainerLimits(const std::vector<std::string>& flags,
                                                const std::vector<std::string>& defaults,
                                                const std::vector<SpecRlimit>& own);

}  // namespace wolffia
