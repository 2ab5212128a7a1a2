// BridgeDriver: user-defined networks. The work is the holder's (holder.h); this is the container's
// membership. If the holder is lost, another one is started, and the container gets its addresses again.
#pragma once

#include "network/driver.h"
#include "network/holder_client.h"

namespace wolffia {

struct BridgeSetup {
  std::string container, name;  // id and name
  std::vector<Membership> networks;
  std::vector<std::string> dns;  // of --dns
  HolderPlace holder;
};

class BridgeDriver : public NetworkDriver {
 public:
  explicit BridgeDriver(BridgeSetup setup) : setup_(std::move(setup)) {}

  Result<> Prepare() override;
  int ParentUserNamespace() const override { return parent_.get(); }
  Result<> Begin(const NetworkTarget& target) override;
  Result<> Finish() override;
  Result<> Repair(const NetworkTarget& target) override;
  // Other networks, or another name, for a container that runs. On an error it has what it had.
  Result<> Change(BridgeSetup setup, const NetworkTarget& target);
  std::vector<HelperProcess> Helpers() const override;
  std::vector<InterfaceState> Interfaces() const override { return interfaces_; }
  std::vector<std::string> NameServers() const override { return name_servers_; }

 private:
  Result<> Join(const BridgeSetup& setup);

  BridgeSetup setup_;
  HolderClient holder_;
  Fd parent_;  // H
  std::vector<InterfaceState> interfaces_;
  std::vector<std::string> name_servers_;
};

}  // namespace wolffia
