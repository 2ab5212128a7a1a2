// The kernel's interface of Landlock, of include/uapi/linux/landlock.h and Documentation/userspace-api/
// landlock.rst ("Kernel interface", "Previous limitations"). Written out here because the headers of
// Debian 12 end at the second version (Linux 5.19), and a program decides at run time what its kernel has.
#pragma once

#include <cstdint>

namespace wolffia::landlock {

// struct landlock_ruleset_attr, of version 6. An older kernel takes the longer structure as long as what it
// does not know is 0.
struct RulesetAttributes {
  uint64_t handled_fs = 0, handled_net = 0, scoped = 0;
};

// struct landlock_path_beneath_attr.
struct [[gnu::packed]] PathBeneath {
  uint64_t access = 0;
  int32_t fd = -1;
};

// struct landlock_net_port_attr.
struct NetPort {
  uint64_t access = 0, port = 0;
};

inline constexpr uint32_t kAskVersion = 1;             // LANDLOCK_CREATE_RULESET_VERSION
inline constexpr int kRulePath = 1, kRuleNetPort = 2;  // LANDLOCK_RULE_*

// LANDLOCK_ACCESS_FS_*
inline constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDirectory = 1 << 3,
                          kRemoveDirectory = 1 << 4, kRemoveFile = 1 << 5, kMakeCharacterDevice = 1 << 6,
                          kMakeDirectory = 1 << 7, kMakeFile = 1 << 8, kMakeSocket = 1 << 9,
                          kMakeFifo = 1 << 10, kMakeBlockDevice = 1 << 11, kMakeSymlink = 1 << 12,
                          kRefer = 1 << 13,  // rename and link across directories; since version 2
    kTruncate = 1 << 14,                     // since version 3
    kIoctlDevice = 1 << 15;                  // since version 5
// What a rule of a file that is no directory may hold.
inline constexpr uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;

// LANDLOCK_ACCESS_NET_*, since version 4
inline constexpr uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;

// LANDLOCK_SCOPE_*, since version 6
inline constexpr uint64_t kScopeAbstractSocket = 1 << 0, kScopeSignal = 1 << 1;

}  // namespace wolffia::landlock
