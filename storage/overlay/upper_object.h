// UpperObject: what lies at a name of the upper directory, as the container is to see it; and the text form
// of what the host's inode cannot say (the override). Pure.
//
// With UpperIds::kOverride everything belongs to the user who serves. An object whose host inode cannot say
// what it is carries user.containers.override_stat, in the form that containers/storage made public:
// "UID:GID:MODE:TYPE", MODE octal and of four digits, TYPE one of file dir symlink pipe socket block-MAJ-MIN
// char-MAJ-MIN. It is left out where the truth is plain: owner 0:0 (the container's root), type regular,
// directory or symlink, no set-id or sticky bit, and the user may read and write it (u+rw, for directories
// u+rwx). A symlink that is not plain, and every FIFO, socket and device, is a regular file on the host (the
// link's content is its target). Setuid never reaches the host. With UpperIds::kNative the host's inode says
// all.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wolffia {

enum class UpperIds { kOverride, kNative };

inline constexpr char kOverrideXattr[] = "user.containers.override_stat";
// Of a directory: "y": lower directories do not shine through. A path from the lower's root
// ("/usr/share/doc"): the lower directory that does, instead of the one with the same name. As the kernel's
// overlayfs has them (userxattr).
inline constexpr char kOpaqueXattr[] = "user.overlay.opaque";
inline constexpr char kRedirectXattr[] = "user.overlay.redirect";
// The inode number that the object had in the lower, decimal. It keeps it.
inline constexpr char kOriginXattr[] = "user.wolffia.origin";
// On a file that replaces a lower file with several names (links/<ino> in the work directory is one of its
// names): the lower names that still lead to it and are not made in the upper, decimal.
inline constexpr char kPendingLinksXattr[] = "user.wolffia.pending_links";
// The container's own attributes that are not user.* are kept below this prefix (override ids):
// "user.wolffia.x.security.capability".
inline constexpr char kKeptPrefix[] = "user.wolffia.x.";

// What override_stat says.
struct Ownership {
  mode_t mode = 0;  // with the type
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t rdev = 0;
  bool operator==(const Ownership&) const = default;
};
std::string FormatOverride(const Ownership& ownership);
// nullopt: malformed. Without the fourth field, as others wrote it once, `mode` has no type: the host's
// holds.
std::optional<Ownership> ParseOverride(std::string_view text);
bool IsPlain(const Ownership& ownership);  // no override is needed
// Mode and type of the host's inode for it (override ids): a plain object's own; what has an override is the
// user's alone (0600, directories 0700).
mode_t HostMode(const Ownership& ownership);

struct UpperObject {
  enum class Kind { kAbsent, kWhiteout, kFile, kDirectory };
  Kind kind = Kind::kAbsent;
  struct stat st{};         // as the container sees it, but for st_ino and st_nlink, which are the host's
  bool host_link = false;   // a symlink that is one on the host, too
  bool overridden = false;  // it carries an override
  bool opaque = false;
  std::string redirect;  // without the leading slash
  uint64_t origin = 0;   // 0: none
};

}  // namespace wolffia
