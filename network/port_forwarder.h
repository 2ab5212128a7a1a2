// PortForwarder: the published ports of one container, in its monitor: the reservation, and the process that
// forwards
// (`wolffia-net ports`, forward_protocol.h). When that is killed, the sockets are still here: connections
// break, those that wait in the kernel's queue and those that come are served by the next process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network/driver.h"
#include "network/helper_process.h"
#include "network/port_reservation.h"

namespace wolffia {

class PortForwarder {
 public:
  static constexpr const char* kName = "wolffia-net ports";

  // Takes the ports of the host. Nothing runs yet. `program`: wolffia-net.
  static Result<std::unique_ptr<PortForwarder>> Reserve(const std::vector<PortMapping>& ports, bool shared,
                                                        std::string program);

  // Starts the process in the container's namespaces; does not wait.
  Result<> Begin(const NetworkTarget& target);
  // Waits for it. From then on clients are served; `interfaces` are the container's, the first address
  // counts.
  Result<> Finish(const std::vector<InterfaceState>& interfaces);
  // In place of one that has ended.
  Result<> Repair(const NetworkTarget& target, const std::vector<InterfaceState>& interfaces);
  // The container's addresses are others now.
  Result<> Move(const std::vector<InterfaceState>& interfaces);

  HelperProcess Process() const { return {kName, helper_.process.pid(), helper_.process.pidfd()}; }
  // Readable: it has something to say, or has ended.
  int control() const { return control_.get(); }
  // A promise that it cannot keep, for the user; nullopt: there is none, or the process has ended.
  std::optional<std::string> ReadWarning();

  const std::vector<ReservedPort>& ports() const { return reservation_.ports(); }

 private:
  Result<> SendPorts();
  Result<> AwaitReady();

  std::string program_;
  PortReservation reservation_;
  Helper helper_;
  Fd control_;
  std::vector<std::string> warnings_;
};

}  // namespace wolffia
