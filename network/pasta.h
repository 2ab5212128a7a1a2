// Pasta: the driver that gives the container the host's own addresses (pasta(1)): a process of the user's
// copies between a tap device and sockets of the host. Published ports are not its business but our
// forwarder's (port_forwarder.h), which keeps the client's address.
#pragma once

#include "network/driver.h"
#include "network/helper_process.h"

namespace wolffia {

class Pasta : public NetworkDriver {
 public:
  explicit Pasta(const UserModeOptions& options) : options_(options) {}
  ~Pasta() override { End(); }

  Result<> Prepare() override;  // kUnsupported: not installed, no /dev/net/tun
  Result<> Begin(const NetworkTarget& target) override;
  Result<> Finish() override;
  Result<> Repair(const NetworkTarget& target) override;
  std::vector<HelperProcess> Helpers() const override;
  std::vector<InterfaceState> Interfaces() const override;

 private:
  std::vector<std::string> Arguments() const;
  void End();  // of the program too, whose keeper may have been killed

  UserModeOptions options_;
  NetworkTarget target_;
  Helper helper_;
  Fd control_;
  InterfaceState interface_;  // once it is known
};

}  // namespace wolffia
