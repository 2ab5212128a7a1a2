#include "engine/runtime/bridge_setup.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include "engine/base/process.h"
#include "engine/runtime/host_facts.h"
#include "storage/network_store.h"

namespace wolffia {
namespace {

std::vector<uint32_t> Numbers(const std::vector<SubordinateRange>& ranges) {
  std::vector<uint32_t> numbers;
  for (const SubordinateRange& range : ranges) {
    numbers.push_back(range.first);
    numbers.push_back(range.count);
  }
  return numbers;
}

Result<HolderStart> HowToStart(const Context& context) {
  const HostFacts host = TRY(HostFacts::Gather(context));
  return HolderStart{host.newuidmap, host.newgidmap, Numbers(host.subordinate.uids),
                     Numbers(host.subordinate.gids)};
}

// The user namespace that those of running containers were made below.
Fd ParentOfRunning(const Store& store) {
  auto running = ContainerStore(store).List({.held_only = true});
  if (!running) return {};
  for (const ContainerStatus& status : *running) {
    if (status.record.network_config.mode != "bridge" || !status.started) continue;
    auto own = Open("/proc/" + std::to_string(status.started->pid) + "/ns/user", O_RDONLY);
    Fd parent(own ? ioctl(own->get(), NS_GET_PARENT) : -1);
    if (parent) return parent;
  }
  return {};
}

}  // namespace

Result<BridgeSetup> MakeBridgeSetup(const Context& context, const Store& store,
                                    const ContainerRecord& record) {
  BridgeSetup setup{.container = record.id,
                    .name = record.name,
                    .networks = {},
                    .dns = record.network_config.dns,
                    .holder = {}};
  NetworkStore networks(store);
  for (const NetworkUse& use : record.network_config.networks) {
    NetworkRecord network = TRY(networks.Get(use.network));
    setup.networks.push_back({std::move(network), use});
  }
  setup.holder = {.runtime_root = store.runroot_path(),
                  .program = TRY(FindSibling("wolffia-net")),
                  .start = [&context] { return HowToStart(context); },
                  .user_namespace = [&store] { return ParentOfRunning(store); }};
  return setup;
}

}  // namespace wolffia
