#include "cmd/container_row.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cmd/container_view.h"
#include "cmd/human.h"
#include "cmd/port_view.h"

namespace wolffia {
namespace {

constexpr int64_t kNever = -62135596800;  // year 1, as podman shows a time that has not come
constexpr size_t kCommandWidth = 17;

std::string Joined(const std::vector<std::string>& parts, const char* separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

std::string CommandText(const ContainerRecord& record, bool no_trunc) {
  std::string text = Joined(record.command, " ");
  if (no_trunc || text.size() <= kCommandWidth) return text;
  size_t cut = kCommandWidth;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) cut--;  // not inside a character
  return text.substr(0, cut) + "...";
}

// Those of the user by their names; else the mode.
std::vector<std::string> NetworksOf(const ContainerRecord& record) {
  std::vector<std::string> names;
  for (const NetworkUse& use : record.network_config.networks) names.push_back(use.network);
  if (record.network_config.mode != "bridge") names = {record.network};
  return names;
}

Value LabelsOf(const ContainerRecord& record) {
  Value labels = Value::object();
  for (const auto& [key, value] : record.labels) labels[key] = value;
  return labels;
}

int64_t Seconds(int64_t nanoseconds) {
  return nanoseconds / 1'000'000'000;
}

using Listing = ContainerListing;
using View = RowView;
using Record = ContainerRecord;

std::string Short(const std::string& id, const View& view) {
  return view.no_trunc ? id : id.substr(0, 12);
}
std::string ImageOf(const Record& record) {
  return record.rootfs.empty() ? record.image_name : record.rootfs;
}
Value CreatedOf(const Listing& l, const View& v) {
  return HumanAgo(l.status.record.created_ns, v.now_ns);
}
Value Nothing(const Listing&, const View&) {
  return "";
}

struct Field {
  std::string_view name;
  Value (*make)(const Listing&, const View&);
};
constexpr Field kFields[] = {
    {"ID", [](const Listing& l, const View& v) -> Value { return Short(l.status.record.id, v); }},
    {"Id", [](const Listing& l, const View&) -> Value { return l.status.record.id; }},
    {"Image", [](const Listing& l, const View&) -> Value { return ImageOf(l.status.record); }},
    {"ImageID",
     [](const Listing& l, const View& v) -> Value { return Short(l.status.record.image_id.hex(), v); }},
    {"Command",
     [](const Listing& l, const View& v) -> Value { return CommandText(l.status.record, v.no_trunc); }},
    {"Created", CreatedOf},
    {"CreatedHuman", CreatedOf},
    {"CreatedAt",
     [](const Listing& l, const View&) -> Value { return LongTime(l.status.record.created_ns); }},
    {"RunningFor", CreatedOf},
    {"Status", [](const Listing& l, const View& v) -> Value { return StatusText(l.status, v.now_ns); }},
    {"State", [](const Listing& l, const View&) -> Value { return std::string(StateName(l.status)); }},
    {"Names", [](const Listing& l, const View&) -> Value { return l.status.record.name; }},
    {"Ports", [](const Listing& l, const View&) -> Value { return PortsText(l.status.record); }},
    {"Labels", [](const Listing& l, const View&) -> Value { return LabelsOf(l.status.record); }},
    {"Mounts", [](const Listing& l, const View&) -> Value { return Joined(l.status.record.mounts, ","); }},
    {"Networks",
     [](const Listing& l, const View&) -> Value { return Joined(NetworksOf(l.status.record), ","); }},
    {"Pid",
     [](const Listing& l, const View&) -> Value {
       return HasProcesses(l.status) && l.status.started ? l.status.started->pid : 0;
     }},
    {"Size", [](const Listing& l, const View&) -> Value { return l.size ? l.size->Text() : std::string(); }},
    {"ExitCode", [](const Listing& l, const View&) -> Value { return ExitCodeOf(l.status); }},
    {"Exited", [](const Listing& l, const View&) -> Value { return HasEnded(l.status); }},
    {"ExitedAt",
     [](const Listing& l, const View&) -> Value {
       return l.status.exited ? Seconds(l.status.exited->finished_ns) : kNever;
     }},
    {"StartedAt",
     [](const Listing& l, const View&) -> Value {
       return l.status.started ? Seconds(l.status.started->started_ns) : kNever;
     }},
    {"Restarts", [](const Listing& l, const View&) -> Value { return RestartsOf(l.status); }},
    {"AutoRemove", [](const Listing& l, const View&) -> Value { return l.status.record.auto_remove; }},
    {"IsInfra", [](const Listing&, const View&) -> Value { return false; }},
    {"Pod", Nothing},
    {"PodName", Nothing},
    {"Platform", [](const Listing& l, const View&) -> Value { return l.status.record.platform; }},
};

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "{{.}}", "{{json .}}", "{{$}}": the row itself.
bool LooksAtTheWhole(std::string_view format) {
  for (size_t i = 0; i < format.size(); i++) {
    if (format[i] == '$') return true;
    if (format[i] == '.' && !(i + 1 < format.size() && IsLetter(format[i + 1]))) return true;
  }
  return false;
}

// Stable. Listings are large: each is moved once, and its key made once.
template <typename Key>
void SortBy(std::vector<Listing>& listings, Key key) {
  std::vector<std::pair<decltype(key(listings[0])), size_t>> order;
  for (size_t i = 0; i < listings.size(); i++) order.emplace_back(key(listings[i]), i);
  std::ranges::sort(order);
  std::vector<Listing> sorted;
  for (const auto& [unused, i] : order) sorted.push_back(std::move(listings[i]));
  listings = std::move(sorted);
}

}  // namespace

RowFields RowFields::All() {
  RowFields fields;
  fields.wanted_.assign(std::size(kFields), true);
  return fields;
}

RowFields RowFields::Of(const std::string& format) {
  RowFields fields = All();
  if (LooksAtTheWhole(format)) return fields;
  for (size_t i = 0; i < std::size(kFields); i++)
    fields.wanted_[i] = format.find("." + std::string(kFields[i].name)) != std::string::npos;
  // {{.Label "key"}} looks into it.
  constexpr std::string_view kLabel = ".Label ";
  if (format.find(kLabel) != std::string::npos)
    for (size_t i = 0; i < std::size(kFields); i++)
      fields.wanted_[i] = fields.wanted_[i] || kFields[i].name == "Labels";
  return fields;
}

bool RowFields::LooksBack() const {
  for (size_t i = 0; i < std::size(kFields); i++)
    if (wanted_[i] && (kFields[i].name == "StartedAt" || kFields[i].name == "ExitedAt")) return true;
  return false;
}

Value RowOf(const ContainerListing& listing, const RowView& view, const RowFields& fields) {
  Value row = Value::object();
  auto& members = row.get_ref<Value::object_t&>();
  // Appended as they are: the names differ, and looking each up would take longer than making it.
  for (size_t i = 0; i < std::size(kFields); i++)
    if (fields.Has(i))
      members.Container::emplace_back(std::string(kFields[i].name), kFields[i].make(listing, view));
  return row;
}

Value JsonRowOf(const ContainerListing& listing, const RowView& view) {
  Value row = RowOf(listing, {view.now_ns, true}, RowFields::All());
  const Record& record = listing.status.record;
  Value json = {{"AutoRemove", record.auto_remove}, {"Command", record.command}};
  json["CreatedAt"] = row["Created"];
  for (const char* field : {"Exited", "ExitedAt", "ExitCode", "Id", "Image", "ImageID", "IsInfra", "Labels"})
    json[field] = row[field];
  json["Mounts"] = record.mounts;
  json["Names"] = Value::array({record.name});
  json["Namespaces"] = Value::object();
  json["Networks"] = NetworksOf(record);
  for (const char* field : {"Pid", "Pod", "PodName"}) json[field] = row[field];
  json["Ports"] = PortsJson(record);
  json["Restarts"] = row["Restarts"];
  json["Size"] = nullptr;
  if (listing.size) json["Size"] = {{"rootFsSize", listing.size->root}, {"rwSize", listing.size->changed}};
  for (const char* field : {"StartedAt", "State", "Status"}) json[field] = row[field];
  json["Created"] = Seconds(record.created_ns);
  return json;
}

Result<> SortListings(std::vector<ContainerListing>& listings, const std::string& key) {
  SortBy(listings, [](const Listing& l) { return l.status.record.created_ns; });
  if (key == "command")
    SortBy(listings, [](const Listing& l) { return Joined(l.status.record.command, " "); });
  else if (key == "id")
    SortBy(listings, [](const Listing& l) { return l.status.record.id; });
  else if (key == "image")
    SortBy(listings, [](const Listing& l) { return ImageOf(l.status.record); });
  else if (key == "names")
    SortBy(listings, [](const Listing& l) { return l.status.record.name; });
  else if (key == "runningfor")
    SortBy(listings, [](const Listing& l) { return l.status.started ? l.status.started->started_ns : 0; });
  else if (key == "size")
    SortBy(listings, [](const Listing& l) { return l.size ? l.size->changed : 0; });
  else if (key == "status")
    SortBy(listings, [](const Listing& l) { return StateName(l.status); });
  else if (key != "created")
    return Fail(Code::kInvalid,
                "invalid argument \"" + key + "\" for \"--sort\" flag: \"" + key +
                    "\" is not a valid value.  Choose from: \"command, created, id, image, names, "
                    "runningfor, size, status\"");
  return {};
}

}  // namespace wolffia
