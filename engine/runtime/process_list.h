// The processes of a running container, read from its own /proc: numbers are those of its process namespace,
// and nothing runs inside for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct ContainerProcess {
  int pid = 0, parent = 0, group = 0;  // as the container counts them
  char state = '?';                    // R S D Z T ...
  int nice = 0;
  uint64_t terminal = 0;                     // device number; 0: none
  int64_t user_ticks = 0, system_ticks = 0;  // clock ticks of itself
  int64_t children_ticks = 0;                // of children that it has waited for
  int64_t start_ticks = 0;                   // after boot
  uint64_t virtual_bytes = 0, resident_bytes = 0;
  std::string name;                                       // comm
  std::vector<std::string> arguments;                     // empty: a zombie, or it overwrote them
  uint32_t real_uid = 0, uid = 0, real_gid = 0, gid = 0;  // host ids
  std::vector<uint32_t> groups;                           // host ids
  uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;  // capability sets
  int seccomp = 0;    // 0 disabled, 1 strict, 2 filter
  std::string label;  // of the security module; empty: none
};

// `proc`: the container's /proc. `init`: restricts the list to processes in that process's user namespace,
// for a container that shares the host's process namespace; 0: all. Processes that end meanwhile are left
// out. Ordered by pid.
Result<std::vector<ContainerProcess>> ListProcesses(int proc, int init = 0);

// /proc/PID/stat and /proc/PID/status, as far as a ContainerProcess has them. kCorrupt if malformed.
Result<> ParseProcessStat(std::string_view text, ContainerProcess& process);
void ParseProcessStatus(std::string_view text, ContainerProcess& process);

// Host pids of the processes in the process namespace of `init`: pid inside -> pid of the host.
std::vector<std::pair<int, int>> HostPids(int init);

}  // namespace wolffia
