// wolffia ps.
#include <time.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/container_filter.h"
#include "cmd/container_removal.h"
#include "cmd/container_row.h"
#include "cmd/container_view.h"
#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

std::string FormatOf(const OptionValues& options) {
  std::string format = options.String("format");
  if (!format.empty() && format != "table") return format;
  if (options.Bool("quiet")) return "{{.ID}}";
  format = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  return options.Bool("size") ? format + "\t{{.Size}}" : format;
}

// Newest first, as the store lists them, so that --last is a prefix.
Result<std::vector<ContainerListing>> Select(const Command& command, const Store& store,
                                             const std::string& format) {
  const OptionValues& options = command.options();
  ContainerFilter filter = TRY(ContainerFilter::Parse(options.List("filter"), store, command.context.now()));
  int64_t last = options.Bool("latest") ? 1 : options.Int("last", -1);
  // podman: a filter on the state, and --last, look at all containers.
  const bool all = options.Bool("all") || last >= 0 || filter.names_state();
  const bool history =
      format == "json" || options.String("sort") == "runningfor" || RowFields::Of(format).LooksBack();
  std::vector<ContainerListing> selected;
  for (ContainerStatus& status : TRY(ContainerStore(store).List({.held_only = !all, .history = history}))) {
    if (!(all || IsUp(status)) || !filter.Matches(status)) continue;
    if (last < 0 || static_cast<int64_t>(selected.size()) < last) selected.push_back({std::move(status), {}});
  }
  return selected;
}

Result<> Measure(const Command& command, const Store& store, std::vector<ContainerListing>& listings) {
  ContainerMeasure measure(command.context, store);
  for (ContainerListing& listing : listings) {
    auto size = measure.Of(listing.status);
    if (!size && size.error().code == Code::kNotFound) continue;  // removed meanwhile
    listing.size = TRY(std::move(size));
  }
  return {};
}

Result<std::string> Render(const Command& command, const std::vector<ContainerListing>& listings,
                           const std::string& format) {
  const OptionValues& options = command.options();
  RowView view{command.context.now(), options.Bool("no-trunc")};
  if (format == "json") {
    Value list = Value::array();
    for (const ContainerListing& listing : listings) list.push_back(JsonRowOf(listing, view));
    return ToJsonText(list);
  }
  RowFields fields = RowFields::Of(format);
  std::vector<Value> rows;
  for (const ContainerListing& listing : listings) rows.push_back(RowOf(listing, view, fields));
  Report report{format,
                RowOf({}, view, RowFields::All()),
                {{"ID", "CONTAINER ID"}, {"RunningFor", "CREATED"}, {"Id", "CONTAINER ID"}},
                !options.Bool("noheading")};
  return RenderReport(rows, report);
}

Result<std::string> ListOnce(const Command& command, const Store& store) {
  const OptionValues& options = command.options();
  const std::string format = FormatOf(options);
  SweepContainers(command.context, store);
  std::vector<ContainerListing> listings = TRY(Select(command, store, format));
  if (options.Bool("size") || options.String("sort") == "size" || format.find(".Size") != std::string::npos)
    TRY(Measure(command, store, listings));
  TRY(SortListings(listings, options.String("sort")));
  return Render(command, listings, format);
}

}  // namespace

Result<int> PsVerb(const Command& command) {
  const OptionValues& options = command.options();
  if (options.Bool("quiet") && options.Bool("size"))
    return Fail(Code::kInvalid, "quiet conflicts with size: --quiet prints ids only");
  int64_t watch = options.Int("watch", 0);
  if (options.Has("watch") && watch < 1)
    return Fail(Code::kInvalid, "invalid argument \"" + options.String("watch") +
                                    "\" for --watch: not a number of seconds above 0");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  while (true) {
    std::string text = TRY(ListOnce(command, session.store));
    if (watch > 0) Print("\033[2J\033[H");  // a clear screen, as watch(1) shows it
    Print(text);
    if (watch == 0 || !FlushOutput()) return 0;
    timespec pause{watch, 0};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace wolffia
