// wolffia secret rm, and secret exists.
#include "cmd/dispatch.h"
#include "cmd/secret_event.h"

namespace wolffia {

Result<int> SecretRmVerb(const Command& command) {
  std::vector<std::string> typed = command.line.arguments;
  const bool all = command.options().Bool("all"), ignore = command.options().Bool("ignore");
  if (all && !typed.empty()) return Fail(Code::kInvalid, "--all takes no secret names");
  if (!all && typed.empty() && !ignore)
    return Fail(Code::kInvalid, "a secret's name or id is missing, or --all");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SecretStore secrets(session.store);
  if (all)
    for (const SecretRecord& record : TRY(secrets.List())) typed.push_back(record.name);
  int code = 0;
  for (const std::string& name : typed) {
    auto record = secrets.Get(name);
    Result<> removed = record ? secrets.Remove(record->name) : Result<>(std::unexpected(record.error()));
    if (removed) {
      WriteSecretEvent(command.context, session.store, "remove", *record);
      PrintLine(record->id);
    } else if (removed.error().code != Code::kNotFound || (!ignore && !all)) {
      PrintError(removed.error());
      code = kExitEngine;
    }
  }
  return code;
}

Result<int> SecretExistsVerb(const Command& command) {
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto found = SecretStore(session.store).Get(command.line.arguments[0]);
  if (!found && found.error().code != Code::kNotFound) return std::unexpected(std::move(found.error()));
  return found ? 0 : 1;
}

}  // namespace wolffia
