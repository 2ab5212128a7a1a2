#include "network/dns_listeners.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "network/dns_socket.h"

namespace wolffia {

DnsListeners::~DnsListeners() {
  (void)Serve({});
}

Result<> DnsListeners::Serve(const std::vector<IpAddress>& addresses) {
  std::erase_if(sockets_, [&](const auto& socket) {
    const bool stays = std::ranges::find(addresses, socket.first) != addresses.end();
    if (!stays) loop_.Forget(socket.second.get());
    return !stays;
  });
  for (const IpAddress& address : addresses) {
    if (sockets_.contains(address)) continue;
    Fd fd = TRY(DnsSocket(address, type_));
    TRY(BindDnsSocket(fd.get(), address));
    if (type_ == SOCK_STREAM && listen(fd.get(), SOMAXCONN) < 0)
      return FailErrno("answer names on " + FormatIp(address));
    TRY(loop_.Watch(fd.get(), EPOLLIN, [this, address](uint32_t) { ready_(address); }));
    sockets_[address] = std::move(fd);
  }
  return {};
}

int DnsListeners::At(const IpAddress& address) const {
  const auto found = sockets_.find(address);
  return found == sockets_.end() ? -1 : found->second.get();
}

}  // namespace wolffia
