// --publish, --publish-all and --expose: which ports of the host lead to a container.
#include <set>

#include "cmd/run_flags.h"
#include "cmd/session.h"
#include "network/port_mapping.h"
#include "network/port_reservation.h"

namespace wolffia {
namespace {

// "80-82/tcp" as "80/tcp", "81/tcp", "82/tcp": what records and images hold.
Result<std::set<std::string>> ExposedPorts(const std::vector<std::string>& texts) {
  std::set<std::string> exposed;
  for (const std::string& text : texts) {
    const PortMapping range = TRY_WITH(ParseExposedPort(text), "--expose");
    for (int i = 0; i < range.count; i++) exposed.insert(ContainerPortOf(range, i));
  }
  return exposed;
}

}  // namespace

Result<> ReadPortFlags(const OptionValues& options, RunRequest& request) {
  NetworkConfig& network = request.network;
  for (const std::string& text : options.List("publish"))
    network.ports.push_back(TRY(ParsePortMapping(text)));
  network.publish_all = options.Bool("publish-all");
  request.exposed_ports = TRY(ExposedPorts(options.List("expose")));
  return CheckPortMappings(network.ports);
}

Result<> FillPorts(const RunRequest& request, const ImageConfig& image, ContainerRecord& record) {
  std::set<std::string> exposed = request.exposed_ports;
  exposed.insert(image.exposed_ports.begin(), image.exposed_ports.end());
  record.ports.assign(exposed.begin(), exposed.end());
  NetworkConfig& network = record.network_config;
  if (!HasDriver(network)) {
    if (!network.ports.empty() || network.publish_all)
      PrintNotice(
          "wolffia: Port mappings have been discarded as one of the Host, Container, Pod, and None network "
          "modes are in use");
    network.ports.clear();
    network.publish_all = false;
    return {};
  }
  if (network.publish_all) TRY(PublishExposed(exposed, network.ports));
  TRY(ChooseHostPorts(network.ports));
  return CheckPortMappings(network.ports);
}

}  // namespace wolffia
