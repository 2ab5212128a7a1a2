#include "network/dns_socket.h"

#include <cstring>

namespace wolffia {
socklen_t FillDnsAddress(const IpAddress& address, uint16_t port, DnsAddress& to) {
  memset(&to, 0, sizeof to);
  if (address.v6) {
    to.v6.sin6_family = AF_INET6;
    to.v6.sin6_port = htons(port);
    memcpy(&to.v6.sin6_addr, address.bytes.data(), address.size());
    return sizeof to.v6;
  }
  to.v4.sin_family = AF_INET;
  to.v4.sin_port = htons(port);
  memcpy(&to.v4.sin_addr, address.bytes.data(), address.size());
  return sizeof to.v4;
}

IpAddress ReadDnsAddress(const DnsAddress& from, uint16_t& port) {
  IpAddress address;
  address.v6 = from.any.sa_family == AF_INET6;
  if (address.v6)
    memcpy(address.bytes.data(), &from.v6.sin6_addr, 16);
  else
    memcpy(address.bytes.data(), &from.v4.sin_addr, 4);
  port = ntohs(address.v6 ? from.v6.sin6_port : from.v4.sin_port);
  return address;
}

Result<Fd> DnsSocket(const IpAddress& address, int type) {
  Fd fd(socket(address.v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return FailErrno("open a socket for names");
  return fd;
}

Result<> BindDnsSocket(int socket, const IpAddress& address) {
  const int on = 1;  // connections of a listener before, on the same address, may be in TIME_WAIT
  DnsAddress own;
  const socklen_t size = FillDnsAddress(address, kDnsPort, own);
  if (setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(socket, &own.any, size) < 0)
    return FailErrno("answer names on " + FormatIp(address));
  return {};
}

Result<> ConnectDnsSocket(int socket, const IpAddress& address) {
  DnsAddress to;
  const socklen_t size = FillDnsAddress(address, kDnsPort, to);
  if (connect(socket, &to.any, size) < 0) return FailErrno("ask the name server " + FormatIp(address));
  return {};
}

}  // namespace wolffia
