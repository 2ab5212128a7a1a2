// Member: a container as the holder knows it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/fd.h"
#include "network/ip_address.h"
#include "network/parts.h"

namespace wolffia {

struct MemberInterface {
  InterfaceState inside;
  std::optional<IpAddress> ip, ip6;
  std::string near;       // the other end, in the holder's namespace
  uint32_t metric = 0;    // of its default routes: no two of a container have the same
  bool attached = false;  // it is in the container's namespace
  bool internal = false;  // of a network without a way out
  bool names = false;     // its network knows names
};

struct Member {
  Fd socket;  // to its monitor
  std::string id, name;
  std::vector<IpAddress> dns;  // servers of its own
  std::vector<MemberInterface> interfaces;
};

}  // namespace wolffia
