#include "cmd/port_view.h"

#include <map>
#include <nlohmann/json.hpp>

#include "network/port_mapping.h"

namespace wolffia {

Value PortBindings(const ContainerRecord& record, bool exposed) {
  std::map<std::string, Value> bindings;  // by name, as Go prints maps
  if (exposed)
    for (const std::string& name : record.ports) bindings[name] = nullptr;
  for (const PortMapping& port : record.network_config.ports)
    for (int i = 0; i < port.count; i++)
      bindings[ContainerPortOf(port, i)].push_back(
          {{"HostIp", port.host_ip}, {"HostPort", std::to_string(port.host_port + i)}});
  Value value = Value::object();
  for (auto& [name, hosts] : bindings) value[name] = std::move(hosts);
  return value;
}

std::string PortsText(const ContainerRecord& record) {
  std::string text;
  for (const PortMapping& port : record.network_config.ports)
    text += (text.empty() ? "" : ", ") + FormatPortMapping(port);
  return text;
}

Value PortsJson(const ContainerRecord& record) {
  Value ports = Value::array();
  for (const PortMapping& port : record.network_config.ports)
    ports.push_back({{"host_ip", port.host_ip},
                     {"container_port", port.container_port},
                     {"host_port", port.host_port},
                     {"range", port.count},
                     {"protocol", std::string(ProtocolName(port.protocol))}});
  return ports.empty() ? Value(nullptr) : ports;
}

}  // namespace wolffia
