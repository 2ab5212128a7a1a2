// wolffia volume ls.
#include <nlohmann/json.hpp>

#include "cmd/dispatch.h"
#include "cmd/human.h"
#include "cmd/inspect.h"
#include "cmd/report.h"
#include "cmd/volume_filter.h"

namespace wolffia {
namespace {

constexpr std::string_view kFilters = "after dangling driver label label! name opt scope since until";

Value RowOf(const Store& store, const VolumeRecord& record) {
  Value row = DescribeVolume(store, record, 0);
  row["CreatedAt"] = LongTime(record.created_ns);
  row["Anonymous"] = record.anonymous;
  row.erase("MountCount");
  return row;
}

}  // namespace

Result<int> VolumeLsVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command, Registries::kSkip));
  VolumeStore volumes(session.store);
  VolumeFilter filter =
      TRY(VolumeFilter::Parse(options.List("filter"), kFilters, volumes, command.context.now()));
  std::string format = options.String("format");
  std::vector<Value> rows;
  for (const VolumeRecord& record : TRY(volumes.List())) {
    auto users = [&] {
      auto found = volumes.Users(record.name);
      return found ? found->size() : 1;
    };
    if (!filter.Matches(record, [&] { return users() > 0; })) continue;
    rows.push_back(format == "json" ? DescribeVolume(session.store, record, users())
                                    : RowOf(session.store, record));
  }
  if (format == "json") {
    Value list = Value::array();
    for (auto& row : rows) list.push_back(std::move(row));
    Print(ToJsonText(list));
    return 0;
  }
  if (format.empty() || format == "table")
    format = options.Bool("quiet") ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}";
  Value sample = RowOf(session.store, {});
  Print(TRY(RenderReport(rows, {format, sample, {{"Name", "VOLUME NAME"}}, !options.Bool("noheading")})));
  return 0;
}

}  // namespace wolffia
