// Sockets of the resolver, of both families, for port 53.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/base/fd.h"
#include "network/ip_address.h"

namespace wolffia {

inline constexpr uint16_t kDnsPort = 53;

union DnsAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Returns its size.
socklen_t FillDnsAddress(const IpAddress& address, uint16_t port, DnsAddress& to);
IpAddress ReadDnsAddress(const DnsAddress& from, uint16_t& port);

// SOCK_DGRAM or SOCK_STREAM; it never blocks.
Result<Fd> DnsSocket(const IpAddress& address, int type);
Result<> BindDnsSocket(int socket, const IpAddress& address);
Result<> ConnectDnsSocket(int socket, const IpAddress& address);  // os_errno EINPROGRESS: it has begun

}  // namespace wolffia
