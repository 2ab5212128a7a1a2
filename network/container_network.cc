#include "network/container_network.h"

#include <sys/epoll.h>

#include <algorithm>

#include "network/host_address.h"
#include "network/pasta.h"
#include "network/rate_limit.h"
#include "network/slirp4netns.h"

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSteadyNs = 10'000 * kMillisecond;  // a helper that lives so long has not failed to start

// Before the nth repair in a row: at once, then after 100 ms, 200 ms ... 10 s.
int64_t PauseBefore(int failures) {
  return failures == 0 ? 0
                       : std::min<int64_t>(int64_t{100} << std::min(failures - 1, 7), 10'000) * kMillisecond;
}

}  // namespace

ContainerNetwork::ContainerNetwork(const Context& context, ContainerNetworkSetup setup)
    : context_(context), setup_(std::move(setup)) {}

ContainerNetwork::~ContainerNetwork() {
  if (loop_ == nullptr) return;
  ForgetHelpers();
  loop_->Cancel(repair_timer_);
}

Result<std::unique_ptr<ContainerNetwork>> ContainerNetwork::Make(const Context& context,
                                                                 ContainerNetworkSetup setup) {
  std::unique_ptr<ContainerNetwork> network;
  if (!HasDriver(setup.config)) return network;
  network.reset(new ContainerNetwork(context, std::move(setup)));
  const NetworkConfig& config = network->setup_.config;
  if (config.mode == "slirp4netns")
    network->driver_ = std::make_unique<Slirp4netns>(config.options);
  else if (config.mode == "bridge")
    network->driver_ = std::make_unique<BridgeDriver>(std::move(network->setup_.bridge));
  else if (config.mode == "pasta")
    network->driver_ = std::make_unique<Pasta>(config.options);
  else
    return Fail(Code::kUnsupported, "--network " + config.mode + ": not supported by this version");
  return network;
}

Result<> ContainerNetwork::Prepare() {
  return driver_->Prepare();
}

Result<> ContainerNetwork::Begin(int user_namespace, Fd net_namespace, bool root_mapped) {
  net_namespace_ = std::move(net_namespace);
  target_ = {user_namespace, net_namespace_.get(), root_mapped};
  return driver_->Begin(target_);
}

Result<> ContainerNetwork::Finish() {
  TRY(driver_->Finish());
  return LimitInterfaces();
}

// The limits of an interface go with it when its helper dies.
Result<> ContainerNetwork::LimitInterfaces() {
  const NetworkRates rates{setup_.config.ingress_rate, setup_.config.egress_rate};
  std::vector<std::string> names;
  for (const InterfaceState& state : driver_->Interfaces()) names.push_back(state.interface);
  return LimitRates(target_, names, rates);
}

NetworkState ContainerNetwork::State() const {
  NetworkState state{driver_->Interfaces(), {}};
  for (const HelperProcess& helper : driver_->Helpers()) state.helpers[helper.name] = helper.pid;
  return state;
}

std::string ContainerNetwork::HostAddress() const {
  const std::vector<InterfaceState> interfaces = driver_->Interfaces();
  const bool gateway = setup_.config.options.allow_host_loopback && !interfaces.empty();
  return gateway ? interfaces[0].gateway : wolffia::HostAddress();
}

Result<> ContainerNetwork::Watch(EventLoop& loop, HelperReport report) {
  loop_ = &loop;
  report_ = std::move(report);
  repaired_ns_ = context_.now();
  WatchHelpers();
  return {};
}

void ContainerNetwork::WatchHelpers() {
  for (const HelperProcess& helper : driver_->Helpers()) {
    if (!loop_->Watch(helper.pidfd, EPOLLIN, [this, name = helper.name](uint32_t) { Lost(name); })) continue;
    watched_.push_back(helper.pidfd);
  }
}

void ContainerNetwork::ForgetHelpers() {
  for (int fd : watched_) loop_->Forget(fd);
  watched_.clear();
}

void ContainerNetwork::Lost(const std::string& helper) {
  ForgetHelpers();
  if (context_.now() - repaired_ns_ > kSteadyNs) failures_ = 0;
  report_(helper, "died", "");
  repair_timer_ = loop_->After(PauseBefore(failures_++), [this] { Repair(); });
}

void ContainerNetwork::Repair() {
  Result<> repaired = driver_->Repair(target_);
  if (repaired) repaired = LimitInterfaces();
  repaired_ns_ = context_.now();
  const std::string name = setup_.config.mode;
  if (!repaired) {
    report_(name, "failed", repaired.error().what);
    repair_timer_ = loop_->After(PauseBefore(failures_++), [this] { Repair(); });
    return;
  }
  report_(name, "restarted", "");
  WatchHelpers();
}

}  // namespace wolffia
