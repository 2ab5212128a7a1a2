// CgroupHost: what this host and this session give an ordinary user of cgroup v2, found by looking, without
// asking anybody: no bus is contacted, nothing is written, a few files are read (0.1 ms).
//
// A container gets its cgroup by one of two ways:
//   kSystemd  the user's systemd makes a scope below user@UID.service (cgroup_scope.h);
//   kOwn      no systemd: a directory below the cgroup that we are in, or below one that was named, where the
//             administrator, Slurm or an outer container has given it to us.
// or by none (kNone): then it runs all the same, and no limit can hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/result.h"

namespace wolffia {

struct CgroupHost {
  enum class Layout { kUnified, kHybrid, kLegacy, kMissing };
  enum class Way { kNone, kSystemd, kOwn };

  Layout layout = Layout::kMissing;
  Way way = Way::kNone;
  std::string mount;  // of the v2 tree: "/sys/fs/cgroup"; empty without one
  std::string own;    // directory of the cgroup that we are in; empty where it cannot be seen
  std::string base;   // directory below which a container's cgroup is made (kOwn), or of the user's systemd
  std::string bus_socket;                // of the user's systemd, to which scope requests go; empty: none
  bool bus_is_private = false;           // systemd's own socket, not the bus's
  bool systemd = false;                  // it runs this host
  bool writable = false;                 // base is ours to make directories in
  bool busy = false;                     // base has processes, so the kernel hands no controller down from it
  std::vector<std::string> controllers;  // that a container's cgroup will have
  std::vector<std::string> missing_here;  // of kOwn: base has them, and may not hand them down as it is busy
  uint32_t uid = 0;

  bool Has(std::string_view controller) const;

  struct Wish {
    bool below_own = false;  // --cgroups=split: below the cgroup that we are in, whatever else there is
    std::string parent;      // --cgroup-parent where there is no systemd: a path below ours, or from the root
    bool move_own = false;   // our own cgroup's processes may be moved aside
  };
  // `root` stands before every path, and `uid` is the user, in tests.
  static CgroupHost Detect(const Context& context, const Wish& wish, uint32_t uid,
                           const std::string& root = "");
};

// Name of the directory that processes of our own cgroup are moved to by cgroups.move_own.
inline constexpr std::string_view kAsideName = "wolffia-others";

// The directory of cgroup `path` ("/a/b" of /proc/PID/cgroup) in a tree whose mount shows `mount_root`; empty
// if it lies outside.
std::string CgroupDirectory(const std::string& mount, std::string_view mount_root, std::string_view path);

// The v2 path in the text of /proc/PID/cgroup: what follows "0::"; empty if there is none.
std::string UnifiedPath(std::string_view text);

}  // namespace wolffia
