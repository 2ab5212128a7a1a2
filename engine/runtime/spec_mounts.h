// SpecMounts: every mount of a container in the order in which the runtime makes them: the ones that each
// container has (/proc, /sys, /dev ...), the files of its directory (/etc/hosts ...), and those that were
// asked for.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/oci/runtime_spec.h"
#include "engine/runtime/run_request.h"

namespace wolffia {

struct MountInputs {
  const RunRequest& request;
  bool cgroup2 = false;                                    // the host's /sys/fs/cgroup is cgroup v2 only
  bool tty_group = true;                                   // gid 5 is mapped
  std::vector<std::pair<std::string, std::string>> files;  // host file -> path in the container
  std::string init_path;                                   // empty: no --init
  bool systemd = false;                                    // the command is one, or may start one
};

inline constexpr const char* kInitInside = "/dev/wolffia-init";
inline constexpr int kInitWords = 2;  // it and "--" come before the command

// A mount that was asked for replaces ours at the same place. kInvalid "duplicate mount destination" for two
// at one place; kNotFound for a bind whose source is missing.
Result<std::vector<SpecMount>> BuildMounts(const MountInputs& inputs);

// Without those that `unmask` names: paths, patterns (glob(7)), or ALL.
std::vector<std::string> MaskedPaths(const std::vector<std::string>& unmask);
std::vector<std::string> ReadonlyPaths(const std::vector<std::string>& unmask);

}  // namespace wolffia
