// LimitSupport: whether a controller's limits can hold for this user on this host, and if not, why, what
// would help and who can do it. The one place for these words: errors of run, create, start and update, and
// the rows of doctor say the same.
#pragma once

#include <string>
#include <string_view>

#include "engine/cgroup/cgroup_host.h"
#include "engine/cgroup/resource_limits.h"

namespace wolffia {

struct LimitVerdict {
  bool holds = false;
  std::string
      reason;  // a clause: "systemd has not delegated the cpu controller to user 1000"; what holds it, too
  std::string remedy;  // a sentence that begins with a verb; empty if it holds
  std::string who;     // "the administrator" or "you"; empty if it holds
};

// `controller`: "memory", "cpu", "cpuset", "io", "pids", "hugetlb", ...
LimitVerdict SupportOf(const CgroupHost& host, std::string_view controller);

// kUnsupported for the first limit that was asked for and cannot hold; it names flag, controller, reason and
// remedy. What nobody asked for (the default --pids-limit) is no error. kInvalid for a --cgroup-parent that
// is none here.
Result<> CheckCgroupSupport(const CgroupHost& host, const CgroupConfig& config);

// What Detect is to look for, for a container of this configuration.
CgroupHost::Wish WishOf(const CgroupConfig& config);

}  // namespace wolffia
