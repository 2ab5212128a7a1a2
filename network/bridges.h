// Bridges: the devices, addresses and rules of the user's networks in the holder's network namespace. What
// belongs to whom is the holder's business.
#pragma once

#include <map>

#include "network/links.h"
#include "network/network_record.h"
#include "network/parts.h"

namespace wolffia {

class Bridges {
 public:
  // In the network namespace that the caller is in, which is new.
  static Result<Bridges> Open();

  Result<> Add(const NetworkRecord& network);
  void Remove(const std::string& network);

  // An interface of a container: made, with its addresses, routes, and on. `near` is the name of its other
  // end here.
  struct Interface {
    std::string near;
    InterfaceState inside;
    int net_namespace = -1;
    uint32_t metric = 100;  // of its default routes
  };
  Result<> Attach(const Interface& interface);
  void Detach(const std::string& near);  // one that is gone already is fine

  int own_namespace() const { return own_.get(); }

 private:
  Bridges(Fd own, Links links, NetlinkSocket nft)
      : own_(std::move(own)), links_(std::move(links)), nft_(std::move(nft)) {}
  Result<> SetRules();

  struct Bridge {
    NetworkRecord network;
    int index = 0;
  };
  Fd own_;
  Links links_;
  NetlinkSocket nft_;
  std::map<std::string, Bridge> bridges_;  // by the network's name
};

}  // namespace wolffia
