#include "network/bridge_driver.h"

#include <cerrno>

#include "network/host_support.h"

namespace wolffia {

Result<> BridgeDriver::Prepare() {
  TRY(CheckNetworkNamespaces());  // the holder could not tell why
  constexpr int kTries = 5;       // a holder that has just been left by its last member may end meanwhile
  Result<> joined;
  for (int i = 0; i < kTries; i++) {
    holder_ = TRY(HolderClient::Connect(setup_.holder, parent_.get()));
    joined = Join(setup_);
    if (joined || (joined.error().os_errno != EPIPE && joined.error().os_errno != ECONNRESET)) break;
  }
  return joined;
}

Result<> BridgeDriver::Join(const BridgeSetup& setup) {
  TRY(holder_.Send(JoinRequest{setup.container, setup.name, setup.networks, setup.dns}));
  std::vector<Fd> fds;
  HolderAnswer joined = TRY(holder_.Receive(&fds));
  if (fds.size() != 1 || joined.interfaces.size() != setup.networks.size())
    return Fail(Code::kCorrupt,
                "the networks' holder gave no user namespace, or other interfaces than asked for");
  parent_ = std::move(fds[0]);
  interfaces_ = std::move(joined.interfaces);
  name_servers_ = std::move(joined.name_servers);
  return {};
}

Result<> BridgeDriver::Change(BridgeSetup setup, const NetworkTarget& target) {
  auto changed = Join(setup);
  if (changed) changed = Begin(target);
  if (changed) changed = Finish();
  if (changed)
    setup_ = std::move(setup);
  else
    (void)Join(setup_);  // a holder that is lost hears nothing: Repair follows
  return changed;
}

Result<> BridgeDriver::Begin(const NetworkTarget& target) {
  return holder_.Send(AttachNetworkRequest{}, {target.net_namespace});
}

Result<> BridgeDriver::Finish() {
  TRY(holder_.Receive());
  return {};
}

Result<> BridgeDriver::Repair(const NetworkTarget& target) {
  for (size_t i = 0; i < interfaces_.size(); i++) {
    NetworkUse& use = setup_.networks[i].use;
    use.ip = interfaces_[i].ip;
    use.ip6 = interfaces_[i].ip6;
    use.mac = interfaces_[i].mac;
    use.interface = interfaces_[i].interface;
  }
  TRY(Prepare());
  TRY(Begin(target));
  return Finish();
}

std::vector<HelperProcess> BridgeDriver::Helpers() const {
  return {{"wolffia-net", holder_.pid(), holder_.fd()}};
}

}  // namespace wolffia
