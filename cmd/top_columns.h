// The columns of `top`: podman's descriptors of a process. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/oci/runtime_spec.h"
#include "engine/runtime/process_list.h"

namespace wolffia {

// What a column may need besides the process.
struct TopFacts {
  std::vector<SpecIdMapping> uids, gids;          // of the container
  std::map<uint32_t, std::string> users, groups;  // of its passwd and group files, by its ids
  std::map<uint32_t, std::string> host_users, host_groups;
  std::map<int, int> host_pids;  // by pid inside
  int64_t now_ns = 0;            // UTC
  int64_t uptime_ns = 0;
  int64_t ticks_per_second = 100;
};

struct TopColumn {
  std::string_view descriptor, heading;
  std::string (*text)(const ContainerProcess&, const TopFacts&);
};

// "pid" "user,args"; also the format codes of ps(1) that podman knows, such as "%C". kInvalid: `unknown
// descriptor: x`.
Result<std::vector<const TopColumn*>> ParseTopColumns(const std::vector<std::string>& typed);
// podman's: USER PID PPID %CPU ELAPSED TTY TIME COMMAND.
std::vector<const TopColumn*> DefaultTopColumns();
// All descriptors, separated by blanks.
std::string TopDescriptors();

// Aligned, with headings.
std::string TopTable(const std::vector<ContainerProcess>& processes,
                     const std::vector<const TopColumn*>& columns, const TopFacts& facts);

// As Go prints a duration: "1h2m3.5s", "15ms", "0s".
std::string DurationText(int64_t nanoseconds);

}  // namespace wolffia
