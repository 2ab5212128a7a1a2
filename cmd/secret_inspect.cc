// wolffia secret inspect.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/secret_view.h"

namespace wolffia {
namespace {

std::string Pretty(const SecretRecord& record) {
  return "ID:              " + record.id + "\nName:              " + record.name +
         "\nDriver:            " + record.driver + "\nCreated at:        " + LongTime(record.created_ns) +
         "\nUpdated at:        " + LongTime(record.updated_ns);
}

}  // namespace

Value DescribeSecret(const Store& store, const SecretRecord& record) {
  Value labels = Value::object();
  for (const auto& [key, value] : record.labels) labels[key] = value;
  return {{"ID", record.id},
          {"CreatedAt", FormatTime(record.created_ns)},
          {"UpdatedAt", FormatTime(record.updated_ns)},
          {"Spec",
           {{"Name", record.name},
            {"Driver", {{"Name", record.driver}, {"Options", {{"path", store.root_path() + "/secrets"}}}}},
            {"Labels", std::move(labels)}}}};
}

Result<int> SecretInspectVerb(const Command& command) {
  const OptionValues& options = command.options();
  const std::string format = options.String("format");
  const bool pretty = options.Bool("pretty");
  if (pretty && !format.empty()) return Fail(Code::kInvalid, "--pretty and --format exclude each other");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SecretStore secrets(session.store);
  Value list = Value::array();
  int code = 0;
  for (const std::string& typed : command.line.arguments) {
    auto record = secrets.Get(typed);
    if (!record) {
      PrintError(std::move(record.error()).With("inspecting secret"));
      code = kExitEngine;
    } else if (pretty) {
      PrintLine(Pretty(*record));
    } else {
      list.push_back(DescribeSecret(session.store, *record));
    }
  }
  if (!format.empty() && format != "json") {
    for (const Value& secret : list) Print(TRY(RenderValue(secret, format)));
  } else if (!pretty) {
    Print(ToJsonText(list));
  }
  return code;
}

}  // namespace wolffia
