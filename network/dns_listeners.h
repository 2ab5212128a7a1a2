// DnsListeners: the sockets on which names are asked for (port 53), one an address, in an event loop.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "engine/base/event_loop.h"
#include "engine/base/fd.h"
#include "network/ip_address.h"

namespace wolffia {

class DnsListeners {
 public:
  // `type`: SOCK_DGRAM or SOCK_STREAM. `ready`: there is something to be read or accepted at this address.
  DnsListeners(EventLoop& loop, int type, std::function<void(const IpAddress& address)> ready)
      : loop_(loop), type_(type), ready_(std::move(ready)) {}
  ~DnsListeners();
  DnsListeners(const DnsListeners&) = delete;
  DnsListeners& operator=(const DnsListeners&) = delete;

  // Listens on these addresses, and no longer on others. After an error it listens on some of them.
  Result<> Serve(const std::vector<IpAddress>& addresses);
  int At(const IpAddress& address) const;  // its socket; -1: none

 private:
  EventLoop& loop_;
  const int type_;
  std::function<void(const IpAddress& address)> ready_;
  std::map<IpAddress, Fd> sockets_;
};

}  // namespace wolffia
