// A user-defined network as data: kept by storage/network_store.h, completed by network_definition.h, carried
// out by the holder (holder.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wolffia {

// The network of `--network bridge`: always there, cannot be removed.
inline constexpr std::string_view kDefaultNetwork = "wolffia";

struct NetworkSubnet {
  std::string subnet;                            // "10.89.0.0/24"
  std::string gateway;                           // an address in it: the bridge's own
  std::string lease_start = "", lease_end = "";  // addresses are given out of this range; empty: of all of it
  bool operator==(const NetworkSubnet&) const = default;
};

struct NetworkRecord {
  std::string name;
  std::string id = "";  // 64 hexadecimal digits
  std::string driver = "bridge";
  std::string interface = "";  // the bridge's name in the holder's network namespace
  int64_t created_ns = 0;
  std::vector<NetworkSubnet> subnets = {};  // at most one of each family
  bool ipv6 = false;
  bool internal = false;                                         // no way out
  bool dns_enabled = true;                                       // names of its containers are known in it
  std::map<std::string, std::string> labels = {}, options = {};  // options: mtu, isolate
  bool operator==(const NetworkRecord&) const = default;
};

}  // namespace wolffia
