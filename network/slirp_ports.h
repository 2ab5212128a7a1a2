// SlirpPorts: published ports that slirp4netns forwards itself (port_handler=slirp4netns), asked for over its
// API socket (slirp4netns(1)). IPv4 alone; the container sees clients' addresses, but 10.0.2.2 for those on
// the host's loopback. The forwards end with the process, and are asked for again of the one that takes its
// place.
#pragma once

#include <string>
#include <vector>

#include "network/port_reservation.h"

namespace wolffia {

class SlirpPorts {
 public:
  // The socket is made in `directory`, which the user alone may enter.
  SlirpPorts(std::vector<PortMapping> ports, std::string directory)
      : ports_(std::move(ports)), directory_(std::move(directory)) {}
  ~SlirpPorts();

  bool empty() const { return ports_.empty(); }
  // The ports are free, and nobody else's until Publish. kUnsupported: one of an IPv6 address.
  Result<> Prepare();
  // Before slirp4netns starts: no socket of an earlier one. `directory_fd` is for it, as a descriptor of any
  // number; SocketPath is what it is told then.
  Result<Fd> MakePlace();
  static std::string SocketPath(int directory_fd);
  // slirp4netns is ready: all ports, to the container's address.
  Result<> Publish(const std::string& container_ip);

 private:
  std::vector<PortMapping> ports_;
  std::string directory_;
  Fd place_;
  PortReservation reservation_;
};

}  // namespace wolffia
