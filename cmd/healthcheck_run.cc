// wolffia healthcheck run: makes a container's health check now.
#include "cmd/health_verbs.h"
#include "engine/runtime/control_client.h"
#include "storage/container_store.h"

namespace wolffia {

Result<int> HealthcheckRunVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const std::string& typed = command.line.arguments[0];
  ContainerStore containers(session.store);
  std::string id =
      TRY_WITH(containers.Lookup(typed), "unable to look up " + typed + " to perform a health check");
  ContainerStatus status = TRY(containers.Get(id));
  if (!status.record.health) return Fail(Code::kInvalid, "container " + id + " has no defined healthcheck");
  auto not_running = [&] { return Fail(Code::kBusy, "container " + id + " is not running"); };
  if (StateName(status) != "running") return not_running();
  auto client = ControlClient::Connect(session.store, status);
  if (!client && client.error().code == Code::kBusy) return not_running();
  if (!client) return std::unexpected(client.error());
  auto answer = TRY(client->Ask(HealthRequest{}));
  const auto* health = std::get_if<Health>(&answer.message);
  if (health == nullptr) return not_running();  // it ended meanwhile
  if (health->exit_code == 0) return 0;
  PrintLine("unhealthy");
  return 1;
}

}  // namespace wolffia
