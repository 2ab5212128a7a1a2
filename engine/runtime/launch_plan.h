// LaunchPlan: everything that starting one container will do, as data. BuildLaunchPlan is pure: it reads
// nothing of the host, so that golden files can hold whole plans. What the spec asks for and we cannot do is
// an error here, before any process exists.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/landlock/ruleset.h"
#include "engine/oci/runtime_spec.h"
#include "engine/runtime/host_facts.h"
#include "engine/runtime/launch_step.h"
#include "engine/runtime/secret_plan.h"

namespace wolffia {

// A tmpfs that holds an upper: mounted by the child on work/, with upper/ and work/ made in it.
struct MemoryUpper {
  uint64_t size = 0, inodes = 0;  // 0: the kernel's default, half of the memory
};

// Where the root file system comes from.
struct RootSource {
  std::string container_dir;  // absolute; has upper/ work/ lower/ merged/ (a --rootfs one only merged/)
  bool layered = true;        // an image's layers, served by the monitor; false: spec.root_path
  bool fuse_upper =
      false;  // the monitor takes the writes too; false: the kernel's overlayfs on what it serves
  std::optional<MemoryUpper> memory;
  // Of a kernel upper. The image's root directory, as the container's namespace shows it. Given to upper/
  // before its first mount.
  bool fresh_upper = true;
  uint32_t root_mode = 0755, root_uid = 0, root_gid = 0;
  size_t images = 0;            // further ones that are mounted: images/<n> of the directory
  bool volatile_upper = false;  // the container is removed when it ends: overlayfs need not sync
};

// Namespaces that exist, which the child is made in.
struct JoinTarget {
  int pidfd = -1;               // of another container's first process; -1: they have descriptors
  uint64_t flags = 0;           // CLONE_NEW*
  int user = -1, network = -1;  // without a pidfd
};

// Of --mount type=image: relative to the container's directory.
inline std::string ImagePlace(size_t n) {
  return "images/" + std::to_string(n);
}

struct LaunchPlan {
  uint64_t clone_flags = 0;
  IdMaps maps;
  std::vector<LaunchStep> steps;
  int slot_count = 0;  // descriptors that steps hand to later steps
  std::optional<JoinTarget> join;
  int parent_user_namespace = -1;  // the new one is made below it; -1: below ours
  int cgroup = -1;                 // directory that the child is made in; -1: it stays in ours
  // Processes of another container can see the child: it cannot be looked at or traced from its first
  // instruction to execve. Until its root is its own, whoever could would have the host's (CVE-2016-9962).
  bool hidden = false;
  std::optional<int> oom_score;  // of a hidden child, which cannot write its own

  // Tests force the failure of every step: this step fails with this errno instead of being done.
  struct Fault {
    size_t step;
    int os_errno;
  };
  std::optional<Fault> fault;
};

struct LaunchOptions {
  bool stdin_open = false;
  uint16_t rows = 0, columns = 0;  // of the terminal's window; 0: not known
  std::optional<JoinTarget> join;  // namespaces of the spec that are not made
  bool own_cgroup = false;         // the child is made in a cgroup of its own
  bool hold = false;               // nothing is executed: the root stands for others
  bool wait = false;               // the command is executed when a user says so: until then as `hold`
  ContainerSecrets secrets;
  std::vector<sock_filter> seccomp;   // compiled from spec.seccomp; empty: none
  std::vector<sock_filter> notifier;  // of the network's fast path or of a recorder; empty: none
  uint64_t notifier_pass = 0;         // of a recorder (RecordingFilter)
  LandlockRuleset landlock;           // compiled from spec.landlock; empty: none
};

// kInvalid for a spec that contradicts itself, kUnsupported for what an ordinary user or this version cannot
// do.
Result<LaunchPlan> BuildLaunchPlan(const RuntimeSpec& spec, const HostFacts& host, const RootSource& root,
                                   LaunchOptions options);

// One line a step, numbered from 0: for --log-level=debug and golden files.
std::string DescribePlan(const LaunchPlan& plan);

}  // namespace wolffia
