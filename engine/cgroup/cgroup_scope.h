// CgroupScope: a transient scope of the user's systemd, wolffia-<id>.scope, which a container's monitor is
// put into and which may divide what it gets among cgroups of its own (systemd.scope(5),
// systemd.resource-control(5), Delegate=yes). systemd removes it when the last process in it has ended,
// however that came.
//
//   monitor                                       systemd
//   Request: StartTransientUnit         -->
//   (reads record and layers, makes its plan)     makes the cgroup, moves the monitor, enables controllers
//   Await                               <--       JobRemoved(unit, "done")
#pragma once

#include <sys/types.h>

#include <string>

#include "engine/cgroup/cgroup_host.h"
#include "engine/cgroup/cgroup_limits.h"
#include "engine/cgroup/user_bus.h"

namespace wolffia {

struct ScopeWish {
  std::string id;     // of the container
  std::string slice;  // "user.slice"
  std::string description;
  pid_t pid = 0;
  ScopeWeights weights;
};

class CgroupScope {
 public:
  // Asks for it; the answer is awaited later.
  static Result<CgroupScope> Request(const CgroupHost& host, ScopeWish wish);
  // Until the process is in the scope; at most five seconds.
  Result<> Await();
  const std::string& unit() const { return unit_; }

 private:
  CgroupScope(UserBus bus, ScopeWish wish) : bus_(std::move(bus)), wish_(std::move(wish)) {}
  Result<> Ask(std::string unit);
  UserBus bus_;
  ScopeWish wish_;
  std::string unit_;
  uint32_t serial_ = 0;
};

// Tells systemd of weights that were changed. Where it is asked twice for one unit, the last one counts.
Result<> SetScopeWeights(const CgroupHost& host, const std::string& unit, const ScopeWeights& weights);

// Moves a process of ours into a cgroup below a unit that divides its own: "/supervisor" of "x.scope".
Result<> AttachToUnit(const CgroupHost& host, const std::string& unit, const std::string& below, pid_t pid);

}  // namespace wolffia
