// wolffia images.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/filter.h"
#include "cmd/human.h"
#include "cmd/image_view.h"
#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

struct Listing {
  const Session& session;
  int64_t now;
  bool no_trunc;
  std::vector<ContainerStatus> containers;

  std::string Id(const ImageRecord& record) const {
    return no_trunc ? record.config.str() : record.config.hex().substr(0, 12);
  }
};

Value LabelsOf(const Store& store, const ImageRecord& record) {
  Value labels = Value::object();
  if (record.config.empty()) return labels;
  auto config = ReadImageConfig(store, record.config);
  if (config)
    for (const auto& [key, value] : config->labels) labels[key] = value;
  return labels;
}

// What templates see of one name of an image.
Value RowOf(const Listing& listing, const ImageGroup& group, const ImageRecord& record, bool details) {
  RepositoryTag name = SplitName(record.name);
  std::string created = HumanAgo(record.created_ns, listing.now);
  Value row = {
      {"ID", listing.Id(record)},
      {"Id", record.config.hex()},
      {"Repository", name.repository},
      {"Tag", name.tag},
      {"Digest", record.manifest.empty() ? "<none>" : record.manifest.str()},
      {"Created", created},
      {"CreatedSince", created},
      {"CreatedAt", LongTime(record.created_ns)},
      {"CreatedTime", LongTime(record.created_ns)},
      {"Size", HumanSize(record.size)},
      {"VirtualSize", record.size},
      {"Names", group.Names()},
      {"RepoTags", group.Names()},
      {"RepoDigests", group.RepoDigests()},
      {"Dangling", record.name.empty()},
      {"Platform", record.platform.str()},
  };
  row["Containers"] = UsersOf(record.config, listing.containers).size();
  row["Labels"] = details ? LabelsOf(listing.session.store, record) : Value::object();
  return row;
}

Value JsonOf(const Listing& listing, const ImageGroup& group) {
  const ImageRecord& record = group.first();
  return {
      {"Id", record.config.hex()},
      {"ParentId", ""},
      {"RepoTags", group.Names()},
      {"RepoDigests", group.RepoDigests()},
      {"Size", record.size},
      {"SharedSize", 0},
      {"VirtualSize", record.size},
      {"Labels", LabelsOf(listing.session.store, record)},
      {"Containers", UsersOf(record.config, listing.containers).size()},
      {"Names", group.Names()},
      {"Digest", record.manifest.empty() ? "" : record.manifest.str()},
      {"Created", record.created_ns / 1'000'000'000},
      {"CreatedAt", FormatTime(record.created_ns)},
  };
}

Result<bool> Matches(const Session& session, const Filter& filter, const ImageRecord& record) {
  if (filter.key == "reference") return !record.name.empty() && NameMatches(record.name, filter.value);
  if (filter.key == "dangling") {
    bool wanted = TRY(filter.Bool());
    return wanted == record.name.empty();
  }
  if (filter.key == "id") return record.config.hex().starts_with(filter.value);
  if (filter.key == "label") {
    auto config = ReadImageConfig(session.store, record.config);
    return config && LabelMatches(config->labels, filter.value);
  }
  if (filter.key == "before" || filter.key == "since" || filter.key == "after") {
    ImageRecord other = TRY(ResolveImage(session, filter.value));
    return filter.key == "before" ? record.created_ns < other.created_ns
                                  : record.created_ns > other.created_ns;
  }
  return Fail(Code::kInvalid, "invalid image filter \"" + filter.key +
                                  "\": there are reference, dangling, id, label, before and since");
}

Result<> Sort(std::vector<ImageRecord>& records, const std::string& key) {
  auto by = [&](auto less) {
    std::ranges::stable_sort(records, less);
    return Result<>();
  };
  using R = const ImageRecord&;
  if (key == "created") return by([](R a, R b) { return a.created_ns > b.created_ns; });
  if (key == "id") return by([](R a, R b) { return a.config < b.config; });
  if (key == "size") return by([](R a, R b) { return a.size < b.size; });
  if (key == "repository")
    return by([](R a, R b) { return SplitName(a.name).repository < SplitName(b.name).repository; });
  if (key == "tag") return by([](R a, R b) { return SplitName(a.name).tag < SplitName(b.name).tag; });
  return Fail(Code::kInvalid,
              "invalid sort key \"" + key + "\": there are created, id, repository, size and tag");
}

Result<std::vector<ImageRecord>> Select(const Command& command, const Session& session) {
  std::vector<Filter> filters = TRY(ParseFilters(command.options().List("filter")));
  if (!command.line.arguments.empty()) filters.push_back({"reference", command.line.arguments[0]});
  std::vector<ImageRecord> selected;
  for (ImageRecord& record : TRY(ImageStore(session.store).List())) {
    bool matches = true;
    for (const Filter& filter : filters) matches = matches && TRY(Matches(session, filter, record));
    if (matches) selected.push_back(std::move(record));
  }
  TRY(Sort(selected, command.options().String("sort")));
  return selected;
}

std::string DefaultFormat(const OptionValues& options) {
  if (options.Bool("quiet")) return "{{.ID}}";
  if (options.Bool("digests"))
    return "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  return "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
}

}  // namespace

Result<int> ImagesVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command));
  std::vector<ImageGroup> groups = GroupImages(TRY(Select(command, session)));
  Listing listing{session, command.context.now(), options.Bool("no-trunc"), {}};
  std::string format = options.String("format");
  bool details = !format.empty();
  if (details) listing.containers = TRY(ContainerStore(session.store).List());
  if (format == "json") {
    Value list = Value::array();
    for (const ImageGroup& group : groups) list.push_back(JsonOf(listing, group));
    Print(ToJsonText(list));
    return 0;
  }
  std::vector<Value> rows;
  for (const ImageGroup& group : groups) {
    // With -q an image is listed once, whatever its names.
    size_t count = options.Bool("quiet") && format.empty() ? 1 : group.records.size();
    for (size_t i = 0; i < count; i++) rows.push_back(RowOf(listing, group, group.records[i], details));
  }
  Value sample = RowOf(listing, ImageGroup{{ImageRecord{}}}, ImageRecord{}, false);
  Report report{format.empty() || format == "table" ? DefaultFormat(options) : format,
                sample,
                {{"ID", "IMAGE ID"}, {"CreatedSince", "CREATED"}},
                !options.Bool("noheading")};
  Print(TRY(RenderReport(rows, report)));
  return 0;
}

}  // namespace wolffia
