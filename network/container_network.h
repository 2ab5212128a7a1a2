// ContainerNetwork: the network of one running container, in its monitor: driver, published ports, fast path
// and rates put together in the order that works.
//
// - Prepare: before the first process exists: whatever can be refused is refused here (a port that is taken).
// - Begin: the namespaces exist, the id maps are written: helpers start while the container builds its root.
// - Finish: the network can be used, clients of published ports are served.
// - Watch: from then on a helper that dies is reported and replaced, without the container noticing more than
//   broken connections.
//
// Nothing of it survives the object: helpers end when it is destroyed, and when the monitor is killed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "network/bridge_driver.h"
#include "network/bypass.h"
#include "network/driver.h"
#include "network/helper_watch.h"
#include "network/port_forwarder.h"

namespace wolffia {

struct ContainerNetworkSetup {
  NetworkConfig config;
  std::string container_id, container_name;
  BridgeSetup bridge;     // of mode "bridge"
  std::string directory;  // the container's
};

class ContainerNetwork {
 public:
  // nullptr for a mode that needs nothing of us (none, host, container:, ns:).
  static Result<std::unique_ptr<ContainerNetwork>> Make(const Context& context, ContainerNetworkSetup setup);
  ContainerNetwork(const ContainerNetwork&) = delete;
  ~ContainerNetwork();

  // kBusy: a published port of the host is taken.
  Result<> Prepare();
  int ParentUserNamespace() const { return driver_->ParentUserNamespace(); }
  // Takes /proc/PID/ns/net; `user_namespace` stays the caller's and outlives this.
  Result<> Begin(int user_namespace, Fd net_namespace, bool root_mapped);
  Result<> Finish();
  // The listener of a filter of the fast path (BypassFilter): of the container's first process, or of an
  // exec.
  Result<> AddNotifier(Fd listener);
  Result<> Watch(EventLoop& loop, HelperReport report);
  // User-defined networks: others than before, while it runs. On an error it has those that it had.
  Result<> Change(BridgeSetup bridge);

  // The container has ended. On return nobody is watched any more and the host's ports are free; helpers that
  // take their time are waited for by the destructor.
  void End();

  const std::string& name() const { return setup_.container_name; }  // of the container
  NetworkState State() const;
  std::vector<std::string> NameServers() const { return driver_->NameServers(); }
  // host.containers.internal: the gateway where that is the host's loopback, else an address of the host's
  // own.
  std::string HostAddress() const;

 private:
  ContainerNetwork(const Context& context, ContainerNetworkSetup setup);
  bool DriverForwards() const;
  Result<> LimitInterfaces();
  Result<> RepairDriver();
  Result<> RepairForwarder();
  Result<> RepairBypass();
  void WatchBypass();
  void WatchWarnings();
  void PassWarnings(uint32_t events);

  const Context& context_;
  ContainerNetworkSetup setup_;
  Fd net_namespace_;
  NetworkTarget target_;
  std::unique_ptr<NetworkDriver> driver_;
  std::unique_ptr<PortForwarder> forwarder_;  // nullptr: nothing is published
  std::unique_ptr<Bypass> bypass_;            // nullptr: no fast path
  EventLoop* loop_ = nullptr;
  HelperReport report_;
  std::vector<std::unique_ptr<HelperWatch>> watches_;
};

}  // namespace wolffia
