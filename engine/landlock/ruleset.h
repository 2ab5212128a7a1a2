// LandlockRuleset: a policy in the kernel's numbers (engine/landlock/uapi.h), ready to be entered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct LandlockRuleset {
  struct Path {
    std::string path;
    uint64_t access = 0;    // LANDLOCK_ACCESS_FS_*; of a file only those that files have are taken
    bool optional = false;  // skipped where it is missing
    bool operator==(const Path&) const = default;
  };
  struct Port {
    uint16_t port = 0;
    uint64_t access = 0;  // LANDLOCK_ACCESS_NET_*
    bool operator==(const Port&) const = default;
  };
  uint64_t handled_fs = 0, handled_net = 0, scoped = 0;  // what is denied unless a rule allows it
  std::vector<Path> paths;
  std::vector<Port> ports;

  bool empty() const { return handled_fs == 0 && handled_net == 0 && scoped == 0; }
  bool operator==(const LandlockRuleset&) const = default;
};

// The version of Landlock that the running kernel has; 0: none, or it is switched off.
int LandlockVersion();

// "read files", "bind TCP ports" and so on, for what a person reads: the words of the policy's keys.
std::string LandlockAccessWords(uint64_t access_fs);

// The calling thread, and the threads and processes that it starts from now on, obey the ruleset. Sets
// no_new_privs, which cannot be taken back either: setuid programs gain nothing any more. For our own
// programs; a container's first process does the same in steps (launch_step.h).
Result<> RestrictSelf(const LandlockRuleset& ruleset);

}  // namespace wolffia
