// Links: network interfaces, addresses and routes of one network namespace, by rtnetlink (rtnetlink(7)). No
// program is started: a process that is not root of its user namespace has its capabilities as long as it
// executes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "network/ip_address.h"
#include "network/mac_address.h"
#include "network/netlink.h"

namespace wolffia {

class Links {
 public:
  static constexpr int kMaxName = 15;  // bytes of an interface's name (IFNAMSIZ)

  // Of the namespace that the caller is in.
  static Result<Links> Open();
  // Of the namespace `net_namespace`, for which the caller (one thread) needs CAP_SYS_ADMIN; `own` is where
  // it is, and where it is again afterwards.
  static Result<Links> OpenIn(int net_namespace, int own);
  // Of the namespace of a netlink socket (namespace_socket.h).
  static Result<Links> Adopt(Fd socket);

  Result<int> IndexOf(const std::string& name);  // kNotFound: os_errno ENODEV
  Result<> AddBridge(const std::string& name, const MacAddress& mac, int mtu);

  // Two ends; the other one appears in another namespace.
  struct Veth {
    std::string name;
    std::string peer;
    int peer_namespace = -1;
    MacAddress peer_mac{};
    int mtu = 1500;
    int bridge = 0;  // index of the bridge that the near end belongs to; 0: none
  };
  Result<> AddVeth(const Veth& veth);

  Result<> SetUp(int index);
  Result<> Rename(int index, const std::string& name);  // the link must be down
  Result<> Remove(int index);

  // At once valid: IPv6 without duplicate address detection, since the addresses are ours to give.
  Result<> AddAddress(int index, const IpAddress& address, int prefix);
  // Of the family of `gateway`. Several may exist, with another metric each.
  Result<> AddDefaultRoute(int index, const IpAddress& gateway, uint32_t metric);

  // Where packets of the main table go, default routes left out.
  Result<std::vector<IpPrefix>> Routes();
  // True if there is a default route of the family.
  Result<bool> HasDefaultRoute(bool v6);

 private:
  explicit Links(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace wolffia
