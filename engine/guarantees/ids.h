// The names of the guarantees, for programs that do not load the table: completion, --require. A test holds
// them to the table.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

// In the order of the table, separated by spaces.
inline constexpr std::string_view kGuaranteeIds =
    "root-unprivileged users-separated containers-by-uid groups-inside own-groups setuid file-capabilities "
    "high-ids "
    "user-namespace mount-namespace pid-namespace ipc-namespace uts-namespace cgroup-namespace "
    "network-namespace "
    "processes-hidden masked-paths abstract-sockets-hidden host-loopback-hidden seccomp capabilities "
    "no-new-privileges "
    "selinux apparmor landlock "
    "resource-memory resource-swap resource-cpu resource-cpuset resource-io resource-pids resource-oom-group "
    "resource-devices resource-accounting disk-quota-bytes disk-quota-inodes network-rate "
    "root-file-system native-writes verified-at-pull verified-at-read survives-power-cut survives-kill "
    "network-store "
    "store-attributes shared-store host-devices device-nodes outbound client-address low-ports "
    "low-ports-inside ping ipv6 "
    "throughput sctp raw-sockets multicast container-address survives-logout starts-at-boot checkpoint "
    "nested ptrace perf";

// The annotation of a container with those that it requires, separated by commas.
inline constexpr const char* kRequireAnnotation = "org.wolffia.require";
std::vector<std::string> RequiredGuarantees(const std::map<std::string, std::string>& annotations);

// kInvalid for the first that is none; names those that are spelled nearly so.
Result<> CheckGuaranteeIds(const std::vector<std::string>& ids);

}  // namespace wolffia
