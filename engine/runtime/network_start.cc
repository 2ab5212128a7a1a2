#include "engine/runtime/network_start.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/file.h"
#include "engine/runtime/bridge_setup.h"
#include "network/host_files.h"
#include "network/port_mapping.h"

namespace wolffia {
namespace {

// A file that the container does not have (--no-hosts, or a mount of the user's in its place) is not made.
Result<> Rewrite(const std::string& path, const std::string& text) {
  if (!ExistsAt(AT_FDCWD, path)) return {};
  return ReplaceFileAt(AT_FDCWD, path, text, 0644, Durability::kVolatile);
}

bool SharesHostPorts(const std::vector<PortMapping>& some, const std::vector<PortMapping>& others) {
  return std::ranges::any_of(some, [&](const PortMapping& one) {
    return std::ranges::any_of(others, [&](const PortMapping& other) { return SharesHostPort(one, other); });
  });
}

// A port that is taken, by another container of this store perhaps: which one.
Error NameHolder(const Store& store, const ContainerRecord& record, Error error) {
  if (error.os_errno != EADDRINUSE) return error;
  auto containers = ContainerStore(store).List();
  if (!containers) return error;
  for (const ContainerStatus& other : *containers)
    if (other.state == ContainerState::kRunning && other.record.id != record.id &&
        SharesHostPorts(other.record.network_config.ports, record.network_config.ports)) {
      error.what += " (container " + other.record.name + " publishes it)";
      break;
    }
  return error;
}

HostFilesRequest FilesOf(const ContainerRecord& record, const std::string& hostname,
                         const ContainerNetwork& network) {
  HostFilesRequest files{.hostname = hostname, .name = record.name, .network = record.network_config};
  for (const InterfaceState& interface : network.State().interfaces)
    for (const std::string& address : {interface.ip, interface.ip6})
      if (!address.empty()) files.addresses.push_back(address);
  files.name_servers = network.NameServers();
  files.host_address = network.HostAddress();
  return files;
}

// In place, since the container has it mounted; it may have made of it what it likes, even something that is
// not ours to write.
void ChangeMounted(const std::string& path, const std::string& before, const std::string& after) {
  constexpr size_t kMaxBytes = 4 << 20;
  auto file = Open(path, O_RDWR | O_NOFOLLOW);
  auto current = file ? ReadFd(file->get(), kMaxBytes, path) : std::unexpected(file.error());
  if (!current) return;
  const std::string text = WithChangedLines(*current, before, after);
  if (text == *current || lseek(file->get(), 0, SEEK_SET) != 0) return;
  if (WriteFull(file->get(), text)) (void)!ftruncate(file->get(), static_cast<off_t>(text.size()));
}

}  // namespace

Result<std::unique_ptr<ContainerNetwork>> PrepareNetwork(const Context& context, const Store& store,
                                                         const ContainerRecord& record,
                                                         const std::string& hostname) {
  ContainerNetworkSetup setup{.config = record.network_config,
                              .container_id = record.id,
                              .container_name = record.name,
                              .directory = ContainerStore(store).DirectoryOf(record.id)};
  if (record.network_config.mode == "bridge") setup.bridge = TRY(MakeBridgeSetup(context, store, record));
  std::unique_ptr<ContainerNetwork> network = TRY(ContainerNetwork::Make(context, std::move(setup)));
  if (network == nullptr) return network;
  if (Result<> prepared = network->Prepare(); !prepared)
    return std::unexpected(NameHolder(store, record, std::move(prepared.error())));
  const HostFilesRequest files = FilesOf(record, hostname, *network);
  const std::string directory = ContainerStore(store).DirectoryOf(record.id);
  TRY(Rewrite(directory + "/hosts", MakeHosts(files)));
  if (auto text = MakeResolvConf(files)) TRY(Rewrite(directory + "/resolv.conf", *text));
  return network;
}

Result<> FinishNetwork(const Store& store, const std::string& id, ContainerNetwork& network) {
  TRY(network.Finish());
  return ContainerStore(store).WriteNetwork(id, network.State());
}

Result<> ChangeNetwork(const Context& context, const Store& store, const std::string& id,
                       ContainerNetwork& network) {
  ContainerStore containers(store);
  const ContainerRecord record = TRY(containers.Get(id)).record;
  const std::string hostname = TRY(containers.ReadSpec(id)).hostname;
  ContainerRecord as_it_was = record;
  as_it_was.name = network.name();
  const HostFilesRequest before = FilesOf(as_it_was, hostname, network);
  TRY(network.Change(TRY(MakeBridgeSetup(context, store, record))));
  TRY(containers.WriteNetwork(id, network.State()));
  const HostFilesRequest after = FilesOf(record, hostname, network);
  const std::string directory = containers.DirectoryOf(id);
  ChangeMounted(directory + "/hosts", MakeHosts(before), MakeHosts(after));
  ChangeMounted(directory + "/resolv.conf", MakeResolvConf(before).value_or(""),
                MakeResolvConf(after).value_or(""));
  return {};
}

}  // namespace wolffia
