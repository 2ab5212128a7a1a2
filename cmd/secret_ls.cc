// wolffia secret ls.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/filter.h"
#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/secret_view.h"

namespace wolffia {
namespace {

// Several names, or several ids, are alternatives; labels must all be there.
Result<bool> Matches(const std::vector<Filter>& filters, const SecretRecord& record) {
  bool wants_name = false, has_name = false, wants_id = false, has_id = false, labels = true;
  for (const Filter& filter : filters) {
    if (filter.key == "name") {
      wants_name = true;
      has_name = has_name || record.name.find(filter.value) != std::string::npos;
    } else if (filter.key == "id") {
      wants_id = true;
      has_id = has_id || record.id.starts_with(filter.value);
    } else if (filter.key == "label") {
      labels = labels && LabelMatches(record.labels, filter.value);
    } else {
      return Fail(Code::kInvalid, "invalid filter \"" + filter.key + "\": there are id, label and name");
    }
  }
  return labels && (!wants_name || has_name) && (!wants_id || has_id);
}

}  // namespace

Value SecretRow(const SecretRecord& record, int64_t now_ns) {
  Value labels = Value::object();
  for (const auto& [key, value] : record.labels) labels[key] = value;
  return {{"ID", record.id},
          {"Name", record.name},
          {"Driver", record.driver},
          {"CreatedAt", HumanAgo(record.created_ns, now_ns)},
          {"UpdatedAt", HumanAgo(record.updated_ns, now_ns)},
          {"Labels", std::move(labels)}};
}

Result<int> SecretLsVerb(const Command& command) {
  const OptionValues& options = command.options();
  std::vector<Filter> filters = TRY(ParseFilters(options.List("filter")));
  TRY(Matches(filters, {}));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const int64_t now = command.context.now();
  std::string format = options.String("format");
  std::vector<Value> rows;
  Value list = Value::array();
  for (const SecretRecord& record : TRY(SecretStore(session.store).List())) {
    if (!TRY(Matches(filters, record))) continue;
    rows.push_back(SecretRow(record, now));
    if (format == "json") list.push_back(DescribeSecret(session.store, record));
  }
  if (format == "json") {
    Print(ToJsonText(list));
    return 0;
  }
  if (format.empty() || format == "table")
    format = options.Bool("quiet") ? "{{.ID}}"
                                   : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}";
  Value sample = SecretRow({}, now);
  Print(TRY(RenderReport(
      rows,
      {format, sample, {{"CreatedAt", "CREATED"}, {"UpdatedAt", "UPDATED"}}, !options.Bool("noheading")})));
  return 0;
}

}  // namespace wolffia
