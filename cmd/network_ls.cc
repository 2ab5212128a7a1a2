// wolffia network ls.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/network_filter.h"
#include "cmd/network_view.h"
#include "cmd/report.h"
#include "storage/network_store.h"

namespace wolffia {
namespace {

constexpr size_t kShortId = 12;

Value RowOf(const NetworkRecord& record, bool whole_ids) {
  Value row = NetworkFields(record);
  if (!whole_ids) row["ID"] = record.id.substr(0, kShortId);
  return row;
}

}  // namespace

Result<int> NetworkLsVerb(const Command& command) {
  const OptionValues& options = command.options();
  NetworkFilter filter = TRY(NetworkFilter::Parse(
      options.List("filter"), {"dangling", "driver", "id", "label", "label!", "name", "until"},
      command.context.now()));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  NetworkStore networks(session.store);
  std::string format = options.String("format");
  std::vector<Value> rows;
  Value list = Value::array();
  for (const NetworkRecord& record : TRY(networks.List())) {
    auto used = [&] {
      auto users = networks.Users(record.name);
      return !users || !users->empty();
    };
    if (!filter.Matches(record, used)) continue;
    rows.push_back(RowOf(record, options.Bool("no-trunc")));
    list.push_back(DescribeNetwork(record));
  }
  if (format == "json") {
    Print(ToJsonText(list));
    return 0;
  }
  if (format.empty() || format == "table")
    format = options.Bool("quiet") ? "{{.Name}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}";
  Value sample = RowOf({}, true);
  Print(TRY(RenderReport(rows, {format, sample, {{"ID", "NETWORK ID"}}, !options.Bool("noheading")})));
  return 0;
}

}  // namespace wolffia
