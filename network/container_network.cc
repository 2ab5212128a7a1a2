#include "network/container_network.h"

#include <sys/epoll.h>

#include "engine/base/file.h"
#include "network/host_address.h"
#include "network/pasta.h"
#include "network/rate_limit.h"
#include "network/slirp4netns.h"

namespace wolffia {

ContainerNetwork::ContainerNetwork(const Context& context, ContainerNetworkSetup setup)
    : context_(context), setup_(std::move(setup)) {}

ContainerNetwork::~ContainerNetwork() {
  End();
}

void ContainerNetwork::End() {
  if (loop_ != nullptr && forwarder_) loop_->Forget(forwarder_->control());
  if (loop_ != nullptr && bypass_) loop_->Forget(bypass_->control());
  watches_.clear();
  const bool later = driver_ && driver_->BeginEnd();
  bypass_.reset();
  forwarder_.reset();
  if (!later) driver_.reset();
}

Result<std::unique_ptr<ContainerNetwork>> ContainerNetwork::Make(const Context& context,
                                                                 ContainerNetworkSetup setup) {
  std::unique_ptr<ContainerNetwork> network;
  if (!HasDriver(setup.config)) return network;
  network.reset(new ContainerNetwork(context, std::move(setup)));
  const NetworkConfig& config = network->setup_.config;
  if (config.mode == "slirp4netns")
    network->driver_ = std::make_unique<Slirp4netns>(
        config.options, network->DriverForwards() ? config.ports : std::vector<PortMapping>{},
        network->setup_.directory);
  else if (config.mode == "bridge")
    network->driver_ = std::make_unique<BridgeDriver>(std::move(network->setup_.bridge));
  else if (config.mode == "pasta")
    network->driver_ = std::make_unique<Pasta>(config.options);
  else
    return Fail(Code::kUnsupported, "--network " + config.mode + ": not supported by this version");
  return network;
}

// port_handler=slirp4netns
bool ContainerNetwork::DriverForwards() const {
  return setup_.config.mode == "slirp4netns" && setup_.config.options.slirp_ports;
}

Result<> ContainerNetwork::Prepare() {
  if (UsesBypass(setup_.config)) TRY(Bypass::CheckKernel());
  TRY(driver_->Prepare());
  if (setup_.config.ports.empty() || DriverForwards()) return {};
  const std::string program = TRY(FindSibling("wolffia-net"));
  forwarder_ = TRY(PortForwarder::Reserve(setup_.config.ports, false, program));
  return {};
}

Result<> ContainerNetwork::Begin(int user_namespace, Fd net_namespace, bool root_mapped) {
  net_namespace_ = std::move(net_namespace);
  target_ = {user_namespace, net_namespace_.get(), root_mapped};
  TRY(driver_->Begin(target_));
  if (forwarder_) TRY(forwarder_->Begin(target_));
  if (!UsesBypass(setup_.config)) return {};
  bypass_ = std::make_unique<Bypass>();
  static const std::vector<ReservedPort> kNone;
  return bypass_->Start(target_, Bypass::PolicyOf(setup_.config.options, driver_->Interfaces()),
                        forwarder_ ? forwarder_->ports() : kNone);
}

Result<> ContainerNetwork::Finish() {
  TRY(driver_->Finish());
  TRY(LimitInterfaces());
  return forwarder_ ? forwarder_->Finish(driver_->Interfaces()) : Result<>();
}

Result<> ContainerNetwork::AddNotifier(Fd listener) {
  if (bypass_ == nullptr) return Fail(Code::kInvalid, "the container's network has no fast path");
  return bypass_->AddListener(std::move(listener));
}

// The limits of an interface go with it when its helper dies.
Result<> ContainerNetwork::LimitInterfaces() {
  const NetworkRates rates{setup_.config.ingress_rate, setup_.config.egress_rate};
  std::vector<std::string> names;
  for (const InterfaceState& state : driver_->Interfaces()) names.push_back(state.interface);
  return LimitRates(target_, names, rates);
}

Result<> ContainerNetwork::Change(BridgeSetup bridge) {
  if (setup_.config.mode != "bridge")
    return Fail(Code::kInvalid, "\"" + setup_.config.mode + "\" is not supported: invalid network mode");
  std::string name = bridge.name;
  TRY(static_cast<BridgeDriver&>(*driver_).Change(std::move(bridge), target_));
  setup_.container_name = std::move(name);
  if (forwarder_) (void)forwarder_->Move(driver_->Interfaces());  // as in RepairDriver
  return LimitInterfaces();
}

NetworkState ContainerNetwork::State() const {
  NetworkState state{driver_->Interfaces(), {}};
  for (const HelperProcess& helper : driver_->Helpers()) state.helpers[helper.name] = helper.pid;
  if (forwarder_) state.helpers[PortForwarder::kName] = forwarder_->Process().pid;
  if (bypass_) state.helpers[Bypass::kName] = bypass_->Process().pid;
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
  auto watch = [&](auto helpers, auto repair) {
    watches_.push_back(
        std::make_unique<HelperWatch>(context_, loop, HelperWatch::Setup{helpers, repair, report_}));
  };
  watch([this] { return driver_->Helpers(); }, [this] { return RepairDriver(); });
  if (forwarder_) {
    watch([this] { return std::vector{forwarder_->Process()}; }, [this] { return RepairForwarder(); });
    WatchWarnings();
  }
  if (bypass_) {
    watch([this] { return std::vector{bypass_->Process()}; }, [this] { return RepairBypass(); });
    WatchBypass();
  }
  return {};
}

Result<> ContainerNetwork::RepairDriver() {
  TRY(driver_->Repair(target_));
  TRY(LimitInterfaces());
  // Its error is that the forwarder has ended, too: that one is repaired by itself.
  if (forwarder_) (void)forwarder_->Move(driver_->Interfaces());
  return {};
}

Result<> ContainerNetwork::RepairForwarder() {
  loop_->Forget(forwarder_->control());
  TRY(forwarder_->Repair(target_, driver_->Interfaces()));
  WatchWarnings();
  return {};
}

// Meanwhile the container's calls wait.
Result<> ContainerNetwork::RepairBypass() {
  loop_->Forget(bypass_->control());
  TRY(bypass_->Restart());
  WatchBypass();
  return {};
}

void ContainerNetwork::WatchBypass() {
  (void)loop_->Watch(bypass_->control(), EPOLLIN, [this](uint32_t) {
    if (!bypass_->Hear()) loop_->Forget(bypass_->control());
  });
}

void ContainerNetwork::WatchWarnings() {
  (void)loop_->Watch(forwarder_->control(), EPOLLIN, [this](uint32_t events) { PassWarnings(events); });
  PassWarnings(0);  // those of its start
}

void ContainerNetwork::PassWarnings(uint32_t events) {
  while (auto warning = forwarder_->ReadWarning()) report_(PortForwarder::kName, "warning", *warning);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) loop_->Forget(forwarder_->control());
}

}  // namespace wolffia
