// wolffia ps.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/container_removal.h"
#include "cmd/container_view.h"
#include "cmd/filter.h"
#include "cmd/human.h"
#include "cmd/image_view.h"
#include "cmd/report.h"
#include "cmd/verbs.h"

namespace wolffia {
namespace {

constexpr int64_t kNever = -62135596800;  // year 1, as podman shows a time that has not come
constexpr size_t kCommandWidth = 17;

std::string CommandText(const ContainerRecord& record, bool no_trunc) {
  std::string text;
  for (const std::string& word : record.command) text += (text.empty() ? "" : " ") + word;
  if (no_trunc || text.size() <= kCommandWidth) return text;
  size_t cut = kCommandWidth;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) cut--;  // not inside a character
  return text.substr(0, cut) + "...";
}

std::vector<std::string> MountPoints(const Store& store, const std::string& id) {
  std::vector<std::string> points;
  if (auto spec = ReadSpec(store, id))
    for (const SpecMount& mount : UserMounts(*spec, ContainerStore(store).DirectoryOf(id)))
      points.push_back(mount.destination);
  return points;
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

int64_t Seconds(int64_t nanoseconds) {
  return nanoseconds / 1'000'000'000;
}

// What templates see.
Value RowOf(const ContainerStatus& status, int64_t now, bool no_trunc,
            const std::vector<std::string>& mounts) {
  const ContainerRecord& record = status.record;
  std::string created = HumanAgo(record.created_ns, now);
  Value labels = Value::object();
  for (const auto& [key, value] : record.labels) labels[key] = value;
  return {
      {"ID", no_trunc ? record.id : record.id.substr(0, 12)},
      {"Id", record.id},
      {"Image", record.rootfs.empty() ? record.image_name : record.rootfs},
      {"ImageID", no_trunc ? record.image_id.hex() : record.image_id.hex().substr(0, 12)},
      {"Command", CommandText(record, no_trunc)},
      {"Created", created},
      {"CreatedHuman", created},
      {"CreatedAt", LongTime(record.created_ns)},
      {"RunningFor", created},
      {"Status", StatusText(status, now)},
      {"State", StateName(status)},
      {"Names", record.name},
      {"Ports", ""},
      {"Labels", std::move(labels)},
      {"Mounts", Joined(mounts)},
      {"Networks", record.network},
      {"Pid", status.state == ContainerState::kRunning && status.started ? status.started->pid : 0},
      {"ExitCode", status.exited ? status.exited->exit_code : 0},
      {"Exited", status.exited.has_value()},
      {"ExitedAt", status.exited ? Seconds(status.exited->finished_ns) : kNever},
      {"StartedAt", status.started ? Seconds(status.started->started_ns) : kNever},
      {"AutoRemove", record.auto_remove},
      {"Platform", record.platform},
  };
}

Value JsonOf(const ContainerStatus& status, int64_t now, const std::vector<std::string>& mounts) {
  Value row = RowOf(status, now, true, mounts);
  const ContainerRecord& record = status.record;
  Value json = {{"AutoRemove", record.auto_remove}, {"Command", record.command}};
  json["CreatedAt"] = HumanAgo(record.created_ns, now);
  for (const char* field : {"Exited", "ExitedAt", "ExitCode", "Id", "Image", "ImageID", "Labels"})
    json[field] = row[field];
  json["Mounts"] = mounts;
  json["Names"] = Value::array({record.name});
  json["Networks"] = Value::array({record.network});
  json["Pid"] = row["Pid"];
  json["Ports"] = nullptr;
  json["Size"] = nullptr;
  for (const char* field : {"StartedAt", "State", "Status"}) json[field] = row[field];
  json["Created"] = Seconds(record.created_ns);
  return json;
}

Result<bool> Matches(const Session& session, const Filter& filter, const ContainerStatus& status) {
  const ContainerRecord& record = status.record;
  if (filter.key == "id") return record.id.starts_with(filter.value);
  if (filter.key == "name") return record.name.find(filter.value) != std::string::npos;
  if (filter.key == "label") return LabelMatches(record.labels, filter.value);
  if (filter.key == "status")
    return filter.value == StateName(status) ||
           (filter.value == "crashed" && status.state == ContainerState::kCrashed);
  if (filter.key == "exited")
    return status.exited && std::to_string(status.exited->exit_code) == filter.value;
  if (filter.key == "ancestor") {
    if (record.image_id.empty()) return false;
    return NameMatches(record.image_name, filter.value) || record.image_id.hex().starts_with(filter.value);
  }
  if (filter.key == "before" || filter.key == "since") {
    ContainerStore containers(session.store);
    std::string id = TRY(containers.Lookup(filter.value));
    ContainerStatus other = TRY(containers.Get(id));
    int64_t then = other.record.created_ns;
    return filter.key == "before" ? record.created_ns < then : record.created_ns > then;
  }
  return Fail(Code::kInvalid,
              "invalid container filter \"" + filter.key +
                  "\": there are id, name, label, status, exited, ancestor, before and since");
}

Result<std::vector<ContainerStatus>> Select(const OptionValues& options, const Session& session) {
  std::vector<Filter> filters = TRY(ParseFilters(options.List("filter")));
  int64_t last = options.Bool("latest") ? 1 : options.Int("last", -1);
  // podman: a filter on the state, and --last, look at all containers.
  bool all = options.Bool("all") || last >= 0;
  for (const Filter& filter : filters) all = all || filter.key == "status" || filter.key == "exited";
  std::vector<ContainerStatus> selected;
  for (ContainerStatus& status : TRY(ContainerStore(session.store).List())) {
    bool matches = all || status.state == ContainerState::kRunning;
    for (const Filter& filter : filters) matches = matches && TRY(Matches(session, filter, status));
    if (matches && (last < 0 || static_cast<int64_t>(selected.size()) < last))
      selected.push_back(std::move(status));
  }
  return selected;
}

}  // namespace

Result<int> PsVerb(const Command& command) {
  const OptionValues& options = command.options();
  Session session = TRY(OpenSession(command, Registries::kSkip));
  SweepContainers(command.context, session.store);
  std::vector<ContainerStatus> selected = TRY(Select(options, session));
  int64_t now = command.context.now();
  bool no_trunc = options.Bool("no-trunc");
  std::string format = options.String("format");
  auto mounts = [&](const ContainerStatus& status) {
    return format.empty() ? std::vector<std::string>() : MountPoints(session.store, status.record.id);
  };
  if (format == "json") {
    Value list = Value::array();
    for (const ContainerStatus& status : selected) list.push_back(JsonOf(status, now, mounts(status)));
    Print(ToJsonText(list));
    return 0;
  }
  std::vector<Value> rows;
  for (const ContainerStatus& status : selected) rows.push_back(RowOf(status, now, no_trunc, mounts(status)));
  if (format.empty() || format == "table")
    format =
        options.Bool("quiet")
            ? "{{.ID}}"
            : "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  Value sample = RowOf({}, now, no_trunc, {});
  Report report{format,
                sample,
                {{"ID", "CONTAINER ID"}, {"RunningFor", "CREATED"}, {"Id", "CONTAINER ID"}},
                !options.Bool("noheading")};
  Print(TRY(RenderReport(rows, report)));
  return 0;
}

}  // namespace wolffia
