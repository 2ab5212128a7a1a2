// wolffia port: the published ports of running containers.
#include "cmd/dispatch.h"
#include "cmd/report.h"
#include "network/port_mapping.h"
#include "storage/container_store.h"

namespace wolffia {
namespace {

// "80" or "80/udp".
Result<PortMapping> ParsePort(const std::string& typed) {
  auto port = ParseExposedPort(typed);
  if (port && port->count == 1) return port;
  return Fail(Code::kInvalid, "\"" + typed + "\" is not a port: PORT or PORT/PROTOCOL, for example 80/tcp");
}

void PrintAll(const ContainerRecord& record, bool with_id) {
  for (const PortMapping& port : record.network_config.ports)
    for (int i = 0; i < port.count; i++)
      PrintLine((with_id ? record.id.substr(0, 12) + "\t" : "") + ContainerPortOf(port, i) + " -> " +
                HostAddressOf(port, i));
}

Result<> PrintOne(const ContainerRecord& record, const std::string& typed) {
  const PortMapping wanted = TRY(ParsePort(typed));
  bool found = false;
  for (const PortMapping& port : record.network_config.ports) {
    const int index = wanted.container_port - port.container_port;
    if (port.protocol != wanted.protocol || index < 0 || index >= port.count) continue;
    PrintLine(HostAddressOf(port, index));
    found = true;
  }
  if (found) return {};
  return Fail(Code::kNotFound, "failed to find published port \"" + ContainerPortOf(wanted) + "\"");
}

Result<> PrintAllContainers(const ContainerStore& containers) {
  for (const ContainerStatus& status : TRY(containers.List()))
    if (status.state == ContainerState::kRunning) PrintAll(status.record, true);
  return {};
}

}  // namespace

Result<int> PortVerb(const Command& command) {
  const auto& typed = command.line.arguments;
  const bool all = command.options().Bool("all"), latest = command.options().Bool("latest");
  if (!all && !latest && typed.empty())
    return Fail(Code::kInvalid, "you must supply a running container name or id");
  if ((all || latest) && !typed.empty() && (all || typed.size() > 1))
    return Fail(Code::kInvalid, "--all and --latest cannot be used with a container's name");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  ContainerStore containers(session.store);
  if (all) {
    TRY(PrintAllContainers(containers));
    return 0;
  }
  std::string id;
  if (latest) {
    auto list = TRY(containers.List());
    if (list.empty()) return Fail(Code::kNotFound, "no containers to list: no such container");
    id = list[0].record.id;
  } else {
    id = TRY(containers.Lookup(typed[0]));
  }
  ContainerStatus status = TRY(containers.Get(id));
  const bool running = status.state == ContainerState::kRunning;
  if (!running) status.record.network_config.ports.clear();  // nobody forwards them
  if (typed.size() > (latest ? 0u : 1u))
    TRY(PrintOne(status.record, typed.back()));
  else
    PrintAll(status.record, false);
  return 0;
}

}  // namespace wolffia
