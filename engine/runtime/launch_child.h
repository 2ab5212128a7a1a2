// The child's side of a start: walks the plan, from clone3 to execve. It has a copy of a process that may not
// be what glibc expects, so: no malloc, no locks, no stdio, no exceptions; only system calls on memory that
// the parent prepared. Its only words are ChildMessages. It decides nothing: what depends on the host is in
// the plan.
//
//   child                                    parent
//   -----                                    ------
//   kNamespaces + descriptors          -->   of a hidden child (SendNamespaces)
//   waits (AwaitMaps)                  <--   kMaps     uid_map and gid_map are written
//   kFuse + descriptors (SendFuse)     -->   serves the lower, or the whole root
//   kTerminal + master (OpenTerminal)  -->   of a container or an exec with a terminal
//   kReady + its /proc (AwaitGo)       -->   may look at where its processes run
//                                      <--   kGo
//   kNotifier + listener                -->   of a container or an exec with the fast path
//   close-on-exec of the socket        -->   end of file: it runs
//   kFailed{step, errno, detail}       -->   at any point instead; then it exits
//
// The parent closing its end makes the child exit.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/runtime/launch_plan.h"

namespace wolffia {

// In the child these have fixed numbers: the socket, /dev/fuse, and an upper in memory; all others are free.
inline constexpr int kChildSocket = 3;
inline constexpr int kFuseFd = 4;
inline constexpr int kMemoryFd = 5;
inline constexpr int kJoinFd = 6;  // pidfd of the container whose namespaces are joined

// Which part of a step failed, for a better sentence.
enum class ChildDetail : int32_t {
  kNone,
  kDestination,    // opening or making the mount point
  kSource,         // opening the source
  kConfigure,      // an option of a file system
  kAttributes,     // mount attributes
  kProcCovered,    // the destination is inside procfs
  kNotOnExpected,  // the path is not on the file system that it must be on
  kNotADevice,     // the source is not the device that its name says
  kOutsideRoot,    // the working directory is not below the root
  kInterpreter,    // the file exists, its interpreter does not
};

struct ChildMessage {
  enum Kind : uint32_t { kMaps = 1, kGo, kFuse, kReady, kFailed, kTerminal, kNotifier, kNamespaces };
  uint32_t kind = 0;
  int32_t step = -1;
  int32_t os_errno = 0;
  ChildDetail detail = ChildDetail::kNone;
};

// What the child needs besides the plan, allocated before clone3.
struct ChildMemory {
  std::vector<char*> argv, env;  // of the Execute step, null-terminated
  std::vector<int> slots;
  explicit ChildMemory(const LaunchPlan& plan);
};

// Runs in the child, right after clone3. `socket` is its end of the dialogue.
[[noreturn]] void RunLaunchChild(const LaunchPlan& plan, ChildMemory& memory, int socket);

}  // namespace wolffia
