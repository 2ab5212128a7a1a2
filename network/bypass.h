// Bypass: the monitor's part of the fast path (bypass_supervisor.h): the supervisor's process, and the
// descriptors that must outlive it. Every process of the container that was started by us has a filter, which
// asks on a listener; while that is open, a connect(2) waits for an answer at the worst, and never fails for
// our sake.
#pragma once

#include <functional>
#include <map>

#include "engine/base/event_loop.h"
#include "network/bypass_supervisor.h"
#include "network/driver.h"
#include "network/helper_process.h"
#include "network/port_reservation.h"

namespace wolffia {

class Bypass {
 public:
  static constexpr const char* kName = "wolffia-net bypass";

  // kUnsupported before Linux 5.14, which tells the network of a socket.
  static Result<> CheckKernel();
  // What stays inside: the networks of the container's interfaces.
  static BypassPolicy PolicyOf(const UserModeOptions& options, const std::vector<InterfaceState>& interfaces);

  // `ports` are the caller's, and outlive this.
  Result<> Start(const NetworkTarget& target, const BypassPolicy& policy,
                 const std::vector<ReservedPort>& ports);
  Result<> AddListener(Fd listener);
  // After its end: a new one gets the same listeners, and the calls that the old one left open go on in the
  // kernel.
  Result<> Restart();
  HelperProcess Process() const { return {kName, helper_.process.pid(), helper_.process.pidfd()}; }
  int control() const { return control_.get(); }  // readable: Hear
  bool Hear();                                    // false: it has ended

 private:
  Result<> Spawn();
  Result<> Send(BypassMessage::Kind kind, uint32_t index, const std::vector<int>& fds);

  static constexpr size_t kMostPorts = 256;  // more are all forwarded

  BypassPolicy policy_;
  std::vector<std::pair<uint16_t, int>> ports_;  // of the container, and who is bound to it on the host
  int user_namespace_ = -1;                      // the container's; not ours
  Fd inside_, calls_, control_;
  Helper helper_;
  std::map<uint32_t, Fd> listeners_;
};

}  // namespace wolffia
