// wolffia images.
#include <nlohmann/json.hpp>

#include "cmd/human.h"
#include "cmd/image_selection.h"
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

std::string DefaultFormat(const OptionValues& options) {
  if (options.Bool("quiet")) return "{{.ID}}";
  if (options.Bool("digests"))
    return "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  return "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
}

}  // namespace

Result<int> ImagesVerb(const Command& command) {
  const OptionValues& options = command.options();
  if (options.Bool("verify")) return BecomeHeavyProgram(command);
  if (options.Has("signature-policy"))
    return Fail(Code::kInvalid, "--signature-policy is for --verify: without it no policy is read");
  Session session = TRY(OpenSession(command));
  std::vector<ImageGroup> groups = GroupImages(TRY(SelectImages(command, session)));
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
