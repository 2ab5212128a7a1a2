// Trials: what the probes have tried in the throw-away namespaces: one number each. Pure data, in memory that
// the trial's processes share with us.
#pragma once

#include <array>
#include <cstddef>

namespace wolffia {

enum class Trial : size_t {
  // As the first process of all namespaces, root of the user namespace.
  kPidNamespace,
  kUtsNamespace,
  kIpcNamespace,
  kMountNamespace,
  kNetNamespace,
  kCgroupNamespace,
  kHostPrivilege,  // 0: the kernel refuses what needs privileges on the host
  kProc,           // mount of a new /proc
  kProcessesHidden,
  kMaskedPath,
  kAbstractSocket,  // 0: the host's cannot be reached
  kHostLoopback,    // 0: the host's cannot be reached
  kTmpfs,
  kDeviceNode,  // mknod
  kDeviceBind,
  kFuse,
  kTun,
  kLowPortInside,
  kPingInside,
  kRawInside,
  kSctpInside,
  kIpv6Inside,
  kMulticastInside,
  kTransparent,  // a socket with somebody else's address
  kSetGroups,
  kOwnGroups,  // the user's own groups are kept
  kUsersSeparated,
  kHighIds,  // an id above 65,536
  kSetuid,
  kFileCapabilities,
  kNoNewPrivileges,
  kCapabilities,
  kSeccomp,
  kLandlock,
  kNestedUser,
  kNestedProc,
  kCount,
};

inline constexpr int kNotTried = -1;

// The errno of what failed, 0 where it worked.
struct TrialResults {
  std::array<int, static_cast<size_t>(Trial::kCount)> errors;
  TrialResults() { errors.fill(kNotTried); }
  int& operator[](Trial trial) { return errors[static_cast<size_t>(trial)]; }
  int operator[](Trial trial) const { return errors[static_cast<size_t>(trial)]; }
};

}  // namespace wolffia
