// Slirp4netns: the default driver: a TCP/IP stack in a process of the user's (slirp4netns(1)), at the other
// end of a tap device in the container's network namespace. In its own sandbox and seccomp filter; it ends
// when the write end of its exit pipe is closed, so also when the monitor is killed.
#pragma once

#include "network/driver.h"
#include "network/helper_process.h"
#include "network/slirp_ports.h"

namespace wolffia {

class Slirp4netns : public NetworkDriver {
 public:
  // `ports`: those that it is to forward itself; `directory`: the container's, for its socket.
  explicit Slirp4netns(const UserModeOptions& options, std::vector<PortMapping> ports = {},
                       std::string directory = "")
      : options_(options), ports_(std::move(ports), std::move(directory)) {}

  Result<> Prepare() override;  // kUnsupported: not installed, too old, no /dev/net/tun
  Result<> Begin(const NetworkTarget& target) override;
  Result<> Finish() override;
  Result<> Repair(const NetworkTarget& target) override;
  bool BeginEnd() override;
  std::vector<HelperProcess> Helpers() const override;
  std::vector<InterfaceState> Interfaces() const override { return {interface_}; }
  std::vector<std::string> NameServers() const override { return {name_server_}; }

 private:
  std::vector<std::string> Arguments(bool root_mapped) const;
  Result<> AddIpv6();

  UserModeOptions options_;
  SlirpPorts ports_;
  InterfaceState interface_;
  std::string name_server_;
  NetworkTarget target_;
  Helper helper_;
  Fd ready_, exit_;
};

}  // namespace wolffia
