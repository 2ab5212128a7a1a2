#include "network/bridge_driver.h"

#include <cerrno>

namespace wolffia {

Result<> BridgeDriver::Prepare() {
  constexpr int kTries = 5;  // a holder that has just been left by its last member may end meanwhile
  Result<HolderAnswer> answer;
  std::vector<Fd> fds;
  for (int i = 0; i < kTries; i++) {
    holder_ = TRY(HolderClient::Connect(setup_.holder, parent_.get()));
    auto sent = holder_.Send(JoinRequest{setup_.container, setup_.name, setup_.networks});
    answer = sent ? holder_.Receive(&fds) : std::unexpected(sent.error());
    if (answer || (answer.error().os_errno != EPIPE && answer.error().os_errno != ECONNRESET)) break;
  }
  HolderAnswer joined = TRY(std::move(answer));
  if (fds.size() != 1 || joined.interfaces.size() != setup_.networks.size())
    return Fail(Code::kCorrupt,
                "the networks' holder gave no user namespace, or other interfaces than asked for");
  parent_ = std::move(fds[0]);
  interfaces_ = std::move(joined.interfaces);
  name_servers_ = std::move(joined.name_servers);
  return {};
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
