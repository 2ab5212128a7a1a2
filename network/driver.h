// NetworkDriver: how a container's network namespace gets its way out. One file each: slirp4netns.cc,
// pasta.cc, bridge_driver.cc. ("none", "host", "container:" and "ns:" have none: they say how the namespace
// is made.)
//
// Called by ContainerNetwork in the container's monitor, in this order: Prepare, Begin, Finish, and Repair as
// often as a helper dies. A driver owns its helper processes; destroying it ends them.
#pragma once

#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/process.h"
#include "network/parts.h"

namespace wolffia {

// The container's namespaces. Descriptors stay the caller's; they are open as long as the container runs.
struct NetworkTarget {
  int user_namespace = -1, net_namespace = -1;
  bool root_mapped = true;  // its user namespace maps the ids 0 (some helpers want to be root there)
};

// A process whose end the monitor is to notice. `pidfd` stays the driver's.
struct HelperProcess {
  std::string name;  // of the program, for events
  pid_t pid = 0;
  int pidfd = -1;  // or any descriptor that becomes readable when the helper is lost
};

class NetworkDriver {
 public:
  virtual ~NetworkDriver() = default;

  // Before the container's first process exists: programs are found, addresses allocated. What it says of the
  // interfaces is what /etc/hosts and /etc/resolv.conf are made of.
  virtual Result<> Prepare() { return {}; }
  // Of a driver whose containers live below a user namespace of its own; -1: none.
  virtual int ParentUserNamespace() const { return -1; }

  // The namespaces exist and the id maps are written. Starts, and does not wait.
  virtual Result<> Begin(const NetworkTarget& target) = 0;
  // Waits until the network can be used. The error holds what the helper said.
  virtual Result<> Finish() = 0;
  // Once more, after Lost() was true: Begin and Finish in a running container.
  virtual Result<> Repair(const NetworkTarget& target) = 0;

  // The container has ended. True: the helpers have been told to end, hold nothing of the host's that anybody
  // waits for, and may go on until the destructor waits for them. False: destroy the driver now.
  virtual bool BeginEnd() { return false; }

  virtual std::vector<HelperProcess> Helpers() const = 0;
  virtual std::vector<InterfaceState> Interfaces() const = 0;
  // Name servers that the container asks, before those of the host; empty: the host's only.
  virtual std::vector<std::string> NameServers() const { return {}; }
};

}  // namespace wolffia
