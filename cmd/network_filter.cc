#include "cmd/network_filter.h"

#include <algorithm>

namespace wolffia {

Result<NetworkFilter> NetworkFilter::Parse(const std::vector<std::string>& typed,
                                           const std::vector<std::string>& allowed, int64_t now_ns) {
  NetworkFilter result;
  for (Filter& filter : TRY(ParseFilters(typed))) {
    if (std::ranges::find(allowed, filter.key) == allowed.end()) {
      std::string keys;
      for (const std::string& key : allowed) keys += (keys.empty() ? "" : ", ") + key;
      return Fail(Code::kInvalid, "invalid filter \"" + filter.key + "\": there are " + keys);
    }
    Rule rule{filter.key, filter.value};
    if (filter.key == "until") rule.time_ns = TRY(filter.Time(now_ns));
    if (filter.key == "dangling") rule.value = TRY(filter.Bool()) ? "true" : "false";
    result.rules_.push_back(std::move(rule));
  }
  return result;
}

bool NetworkFilter::Holds(const Rule& rule, const NetworkRecord& record, const std::function<bool()>& used) {
  if (rule.key == "name") return record.name.find(rule.value) != std::string::npos;
  if (rule.key == "id") return record.id.starts_with(rule.value);
  if (rule.key == "driver") return record.driver == rule.value;
  if (rule.key == "label") return LabelMatches(record.labels, rule.value);
  if (rule.key == "label!") return !LabelMatches(record.labels, rule.value);
  if (rule.key == "dangling") return (rule.value == "true") != used();
  return record.created_ns < rule.time_ns;  // until
}

bool NetworkFilter::Matches(const NetworkRecord& record, const std::function<bool()>& used) const {
  return std::ranges::all_of(rules_, [&](const Rule& rule) {
    if (rule.key.starts_with("label")) return Holds(rule, record, used);
    return std::ranges::any_of(
        rules_, [&](const Rule& same) { return same.key == rule.key && Holds(same, record, used); });
  });
}

}  // namespace wolffia
