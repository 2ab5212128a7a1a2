// wolffia secret create.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/dispatch.h"
#include "cmd/secret_event.h"
#include "storage/secret_store.h"

namespace wolffia {
namespace {

Result<std::string> ReadValue(const Command& command, const std::string& from) {
  if (command.options().Bool("env")) {
    auto value = command.context.Env(from);
    if (!value)
      return Fail(Code::kInvalid,
                  "cannot create store secret data: environment variable " + from + " is not set");
    return *value;
  }
  if (from != "-") {
    Fd file = TRY(Open(from, O_RDONLY));
    return ReadFd(file.get(), kMaxSecretBytes, from);
  }
  if (isatty(STDIN_FILENO)) return Fail(Code::kInvalid, "if `-` is used, data must be passed into stdin");
  return ReadFd(STDIN_FILENO, kMaxSecretBytes, "standard input");
}

}  // namespace

Result<int> SecretCreateVerb(const Command& command) {
  const OptionValues& options = command.options();
  if (const std::string driver = options.String("driver"); driver != "file")
    return Fail(Code::kUnsupported, "--driver " + driver + ": there are no drivers but file");
  SecretRecord record{.name = command.line.arguments[0], .created_ns = command.context.now()};
  record.updated_ns = record.created_ns;
  for (const std::string& text : options.List("label")) {
    size_t equals = text.find('=');
    if (equals == 0 || text.empty()) return Fail(Code::kInvalid, "--label " + text + ": the key is empty");
    record.labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  std::string value = TRY(ReadValue(command, command.line.arguments[1]));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  auto made = SecretStore(session.store).Create(record, value, options.Bool("replace"));
  explicit_bzero(value.data(), value.size());
  record = TRY(std::move(made));
  WriteSecretEvent(command.context, session.store, "create", record);
  PrintLine(record.id);
  return 0;
}

}  // namespace wolffia
