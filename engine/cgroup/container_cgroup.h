// ContainerCgroup: the cgroup of one container, as its monitor has it for as long as it lives:
//
//   .../wolffia-<id>.scope/   (systemd)  or  <base>/wolffia-<id>/     controllers handed down to both below
//       supervisor/           the monitor and its helpers
//       payload/              the container's processes; the limits are here, and here only
//
// Processes are made in payload (CLONE_INTO_CGROUP), never moved there. A container for which no limit was
// asked runs without all this where it cannot be had; one with a limit does not.
#pragma once

#include <optional>
#include <string>

#include "engine/base/context.h"
#include "engine/cgroup/cgroup_scope.h"
#include "engine/cgroup/resource_limits.h"

namespace wolffia {

class ContainerCgroup {
 public:
  // Looks at the host, and asks systemd for a scope where that is the way. nullopt: the container has no
  // cgroup of its own, and need not have one. Fails where a limit cannot hold.
  static Result<std::optional<ContainerCgroup>> Begin(const Context& context, CgroupConfig config,
                                                      const std::string& id);
  ContainerCgroup(ContainerCgroup&&) = default;
  ContainerCgroup& operator=(ContainerCgroup&&) = default;
  // Nothing of it stays, as far as it is empty; this process goes back to where it came from.
  ~ContainerCgroup();

  // Payload is there, new and empty, with the limits; this process is in supervisor. Again before each start,
  // with the limits of then.
  Result<> Prepare(const ResourceLimits& limits);

  int payload() const { return payload_.get(); }     // -1 before Prepare
  const std::string& path() const { return path_; }  // of payload
  // All processes in payload stop, or go on. Five seconds at most.
  Result<> Freeze(bool freeze);
  // All processes in payload get SIGKILL, at once. False where the kernel (before 5.14) cannot.
  bool Kill();
  // Kills by the kernel for want of memory since Prepare.
  int64_t OomKills() const;

 private:
  ContainerCgroup(CgroupHost host, CgroupConfig config, std::string id)
      : host_(std::move(host)), config_(std::move(config)), id_(std::move(id)) {}
  Result<> Enter();
  Result<> MakeOwn();
  Result<> MoveAside();
  Result<> Divide();
  Result<> MakePayload();

  CgroupHost host_;
  CgroupConfig config_;
  std::string id_;
  std::optional<CgroupScope> scope_;  // until it is there
  bool entered_ = false;
  std::string directory_, path_;
  Fd top_, payload_;
};

// Removes what a monitor that was killed left of a container's cgroup: `payload` as started.json has it.
// Nothing where processes are in it.
void RemoveLeftCgroup(const std::string& payload);

}  // namespace wolffia
