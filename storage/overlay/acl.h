// POSIX access control lists in the form of the system.posix_acl_* attributes (version 2, little-endian), and
// what the kernel does with them when a mode changes or a file is made. Pure. The values come from containers
// and images: whatever does not have exactly the kernel's shape is refused.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/overlay/errno_result.h"

namespace wolffia {

inline constexpr char kAccessAcl[] = "system.posix_acl_access";
inline constexpr char kDefaultAcl[] = "system.posix_acl_default";

enum class AclTag : uint16_t {
  kOwner = 0x01,
  kUser = 0x02,
  kOwningGroup = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};

struct AclEntry {
  AclTag tag{};
  uint16_t permissions = 0;  // rwx: 0 to 7
  uint32_t id = 0xffffffff;  // of a user or a group
  bool operator==(const AclEntry&) const = default;
};

// In the kernel's order: owner, users, owning group, groups, mask, other. An empty one says: there is none.
using Acl = std::vector<AclEntry>;

// EINVAL; EOPNOTSUPP for another version.
Sys<Acl> ParseAcl(std::string_view value);
std::string FormatAcl(const Acl& acl);

// The mode with the permissions that the list gives to owner, group (or mask) and other.
mode_t ModeOfAcl(const Acl& acl, mode_t mode);
// It says no more than a mode can.
bool IsOnlyMode(const Acl& acl);
// As posix_acl_chmod: owner, mask (or owning group) and other get the mode's permissions.
void ChangeAclMode(Acl* acl, mode_t mode);

struct InheritedAcl {
  mode_t mode = 0;
  std::optional<std::string> access, default_acl;  // attributes that the new object gets
};
// What an object made in a directory with this default list (its attribute; empty: none) gets, as
// posix_acl_create: with a list, the umask does not count. A malformed list is none. `mode` has the type; a
// symlink inherits nothing.
InheritedAcl InheritAcl(std::string_view parent_default, mode_t mode, bool is_directory, mode_t umask);

}  // namespace wolffia
