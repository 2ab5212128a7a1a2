// HolderNetworks: which networks are up, and who has which address and interface in them: the holder's state,
// without its sockets.
#pragma once

#include <memory>

#include "network/address_pool.h"
#include "network/bridges.h"
#include "network/holder_protocol.h"
#include "network/member.h"
#include "network/outside_thread.h"
#include "network/slirp4netns.h"

namespace wolffia {

class HolderNetworks {
 public:
  // `outside` starts slirp4netns: whose sockets are to be the host's.
  HolderNetworks(Bridges bridges, OutsideThread& outside)
      : bridges_(std::move(bridges)), outside_(&outside) {}

  // Nobody else gets the addresses of `request`, until its container joins or Forget.
  void Reserve(JoinRequest request) { reserved_[request.container] = std::move(request); }
  void Forget(const std::string& container);

  // Addresses are taken, bridges exist, the way out has begun; networks that the request does not name are
  // left. If it fails, the member is what it was.
  Result<> Join(Member& member, const JoinRequest& request);
  // The interfaces that are not there yet appear in `net_namespace`; the way out works.
  Result<> Attach(Member& member, int net_namespace);
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
  void LeaveOne(Member& member, size_t interface);
  Result<Network*> Open(const NetworkRecord& record);
  void TakeReserved(Network& network) const;
  void Close(const std::string& name);
  Result<> OpenWayOut(bool v6);
  Result<> AwaitWayOut();

  Bridges bridges_;
  OutsideThread* outside_;
  std::map<std::string, Network> networks_;
  std::map<std::string, JoinRequest> reserved_;  // by the container's id
  std::unique_ptr<Slirp4netns> way_out_;
  bool way_out_v6_ = false, way_out_ready_ = false, way_out_failed_ = false;
  uint64_t last_near_ = 0;
};

}  // namespace wolffia
