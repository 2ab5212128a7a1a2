#include "cmd/event_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace wolffia {
namespace {

constexpr std::string_view kKeys[] = {"container", "event", "image", "label", "network", "secret", "type", "volume"};

// Words of docker's for what podman calls otherwise.
std::string StatusOf(const std::string& typed) {
  return typed == "die" ? "died" : typed == "destroy" ? "remove" : typed;
}

// "debian", "library/debian" and "docker.io/library/debian:12" all name docker.io/library/debian:12.
bool ImageMatches(std::string_view name, std::string_view wanted) {
  auto ends = [&](std::string_view full) {
    return full == wanted || (full.ends_with(wanted) && full[full.size() - wanted.size() - 1] == '/');
  };
  size_t colon = name.rfind(':');
  bool tagged = colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos;
  return !wanted.empty() && (ends(name) || (tagged && ends(name.substr(0, colon))));
}

bool NameOrIdMatches(const Event& event, std::string_view wanted) {
  return !wanted.empty() && (event.name == wanted || event.id.starts_with(wanted));
}

bool Matches(const Event& event, const Filter& filter) {
  if (filter.key == "event") return event.status == StatusOf(filter.value);
  if (filter.key == "type") return event.type == filter.value;
  if (filter.key == "label") return LabelMatches(event.attributes, filter.value);
  if (filter.key != "image") return event.type == filter.key && NameOrIdMatches(event, filter.value);
  if (event.type != "image") return ImageMatches(event.image, filter.value);
  std::string_view id = filter.value;
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return ImageMatches(event.name, filter.value) || (!id.empty() && event.id.starts_with(id));
}

// As Go prints a time: the fraction without zeros at its end.
std::string GoTime(int64_t time_ns) {
  std::string text = FormatTime(time_ns);  // 2026-01-02T15:04:05.000000006Z
  text.pop_back();
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  text[10] = ' ';
  return text + " +0000 UTC";
}

std::string IdOf(const Event& event, bool short_ids) {
  return short_ids ? event.id.substr(0, 12) : event.id;
}

}  // namespace

Result<EventFilter> EventFilter::Parse(const std::vector<std::string>& typed) {
  EventFilter result;
  result.filters_ = TRY(ParseFilters(typed));
  for (Filter& filter : result.filters_) {
    if (filter.key == "status") filter.key = "event";
    if (std::ranges::find(kKeys, filter.key) == std::end(kKeys))
      return Fail(Code::kInvalid, "invalid argument \"" + filter.key + "=" + filter.value +
                                      "\" for \"--filter\": there is no filter " + filter.key +
                                      "; use container, event, image, label, network, secret, type or volume");
  }
  return result;
}

bool EventFilter::Matches(const Event& event) const {
  return std::ranges::all_of(filters_, [&](const Filter& filter) {
    return std::ranges::any_of(filters_, [&](const Filter& same) {
      return same.key == filter.key && wolffia::Matches(event, same);
    });
  });
}

std::string EventLine(const Event& event, bool short_ids) {
  std::string line = GoTime(event.time_ns) + " " + event.type + " " + event.status;
  if (event.type != "container") {
    for (const std::string& word : {event.type == "volume" ? "" : IdOf(event, short_ids), event.name})
      if (!word.empty()) line += " " + word;
    return line;
  }
  line += " " + IdOf(event, short_ids) + " (image=" + event.image + ", name=" + event.name;
  for (const auto& [key, value] : event.attributes) line += ", " + key + "=" + value;
  return line + ")";
}

Value EventFields(const Event& event, bool short_ids) {
  Value fields = Value::object();
  if (event.exit_code) fields["ContainerExitCode"] = *event.exit_code;
  fields["ID"] = IdOf(event, short_ids);
  fields["Image"] = event.image;
  fields["Name"] = event.name;
  fields["Status"] = event.status;
  fields["Time"] = FormatTime(event.time_ns);
  fields["Type"] = event.type;
  fields["Attributes"] = Value::object();
  for (const auto& [key, value] : event.attributes) fields["Attributes"][key] = value;
  return fields;
}

}  // namespace wolffia
