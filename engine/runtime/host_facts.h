// HostFacts: what this host and this user have, read once per command: only what a start needs, so it is cheap. Plans
// are made from it by pure code; tests make it up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/context.h"
#include "engine/runtime/id_map.h"

namespace wolffia {

struct HostFacts {
  HostUid uid{0};
  HostGid gid{0};
  std::vector<uint32_t> groups;
  std::string user_name;          // from the password database; the number if there is none
  SubordinateIds subordinate;
  std::string newuidmap, newgidmap;  // paths; empty: not installed
  std::string cgroup2_mount;         // "/sys/fs/cgroup", "/sys/fs/cgroup/unified", or empty
  std::vector<SpecRlimit> limits;    // ours: an ordinary user cannot raise the hard ones
  int last_capability = 40;          // that the kernel knows (CAP_CHECKPOINT_RESTORE)

  static Result<HostFacts> Gather(const Context& context);
  // Only what a launch plan and the map helpers need: ids, helpers, cgroup2_mount. Asks no directory server.
  static HostFacts ForLaunch(const Context& context);
};

// The name of `uid` in the text of /etc/passwd; empty if it has no line.
std::string UserNameIn(std::string_view passwd, uint32_t uid);

// Why a clone of a user namespace was refused, as a sentence with its remedy and who can apply it: looks at
// user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, and an
// outer seccomp filter. Only called after a failure. `root` stands before /proc and /dev in tests.
std::string ExplainUsernsRefusal(int os_errno, const std::string& root = "");
// The same for opening /dev/fuse (missing, closed, no device in this container) and mounting.
std::string ExplainFuseRefusal(int os_errno, const std::string& root = "");
// For the kernel's overlayfs on the upper directory at `path` (file system without user xattrs, old kernel, NFS).
std::string ExplainOverlayRefusal(int os_errno, const std::string& path);

// Why there is no FUSE upper in memory in a user namespace that does not map the user, who would write there.
std::string ExplainUpperOfNobody();

}  // namespace wolffia
