// HolderNetworks: which networks are up, and who has which address and interface in them: the holder's state,
// without its sockets.
#pragma once

#include <memory>

#include "network/address_pool.h"
#include "network/bridges.h"
#include "network/holder_protocol.h"
#include "network/member.h"
#include "network/slirp4netns.h"

namespace wolffia {

class HolderNetworks {
 public:
  explicit HolderNetworks(Bridges bridges) : bridges_(std::move(bridges)) {}

  // Addresses are taken, bridges exist, the way out has begun; all or nothing.
  Result<> Join(Member& member, const JoinRequest& request);
  // The interfaces appear in `net_namespace`; the way out works.
  Result<> Attach(const Member& member, int net_namespace);
  void Leave(Member& member);

  // slirp4netns, where there is one.
  std::vector<HelperProcess> Helpers() const;
  Result<> Repair();
  // Addresses on which names are answered.
  std::vector<IpAddress> ResolverAddresses() const;

 private:
  struct Network {
    NetworkRecord record;
    std::vector<AddressPool> pools;
    int members = 0;
  };
  Result<> JoinOne(Member& member, const Membership& wanted);
  Result<Network*> Open(const NetworkRecord& record);
  void Close(const std::string& name);
  Result<> OpenWayOut(bool v6);

  Bridges bridges_;
  std::map<std::string, Network> networks_;
  std::unique_ptr<Slirp4netns> way_out_;
  bool way_out_v6_ = false, way_out_ready_ = false;
  uint64_t last_near_ = 0;
};

}  // namespace wolffia
