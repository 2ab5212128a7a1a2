// wolffia port. No container has a published port: they all have no network of their own, or the host's.
#include "cmd/dispatch.h"
#include "storage/container_store.h"

namespace wolffia {
namespace {

bool IsPort(const std::string& number) {
  if (number.empty() || number.size() > 5 || number.find_first_not_of("0123456789") != std::string::npos)
    return false;
  int port = std::stoi(number);
  return port >= 1 && port <= 65535;
}

// "80" or "80/udp" -> "80/udp".
Result<std::string> ParsePort(const std::string& typed) {
  size_t slash = typed.find('/');
  std::string number = typed.substr(0, slash);
  std::string protocol = slash == std::string::npos ? "tcp" : typed.substr(slash + 1);
  if (!IsPort(number) || (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
    return Fail(Code::kInvalid, "\"" + typed + "\" is not a port: PORT or PORT/PROTOCOL, for example 80/tcp");
  return number + "/" + protocol;
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
  if (all) return 0;
  if (latest && TRY(containers.List()).empty())
    return Fail(Code::kNotFound, "no containers to list: no such container");
  if (!latest) TRY(containers.Lookup(typed[0]));
  if (typed.size() > (latest ? 0u : 1u))
    return Fail(Code::kNotFound, "failed to find published port \"" + TRY(ParsePort(typed.back())) + "\"");
  return 0;
}

}  // namespace wolffia
