#include "cmd/volume_filter.h"

#include "cmd/filter.h"

namespace wolffia {
namespace {

bool HasWord(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    size_t space = list.find(' ');
    if (list.substr(0, space) == word) return true;
    list = space == std::string_view::npos ? "" : list.substr(space + 1);
  }
  return false;
}

bool IsConjunction(const std::string& key) {
  return key.starts_with("label") || key == "opt";
}

}  // namespace

Result<VolumeFilter> VolumeFilter::Parse(const std::vector<std::string>& typed, std::string_view allowed,
                                         const VolumeStore& volumes, int64_t now_ns) {
  VolumeFilter result;
  for (Filter& filter : TRY(ParseFilters(typed))) {
    if (!HasWord(allowed, filter.key))
      return Fail(Code::kInvalid,
                  "\"" + filter.key + "\" is an invalid volume filter: there are " + std::string(allowed));
    Rule rule{filter.key, filter.value};
    if (filter.key == "until") rule.time_ns = TRY(filter.Time(now_ns));
    if (filter.key == "after" || filter.key == "since")
      rule.time_ns = TRY(volumes.Get(filter.value)).created_ns;
    if (filter.key == "dangling" || filter.key == "all" || filter.key == "anonymous")
      rule.value = TRY(filter.Bool()) ? "true" : "false";
    result.rules_.push_back(std::move(rule));
  }
  return result;
}

bool VolumeFilter::Holds(const Rule& rule, const VolumeRecord& record, const std::function<bool()>& used) {
  const bool wanted = rule.value == "true";
  if (rule.key == "name") return record.name.find(rule.value) != std::string::npos;
  if (rule.key == "driver") return record.driver == rule.value;
  if (rule.key == "scope") return rule.value == "local";
  if (rule.key == "label") return LabelMatches(record.labels, rule.value);
  if (rule.key == "label!") return !LabelMatches(record.labels, rule.value);
  if (rule.key == "opt") return LabelMatches(record.options, rule.value);
  if (rule.key == "dangling") return wanted != used();
  if (rule.key == "anonymous") return wanted == record.anonymous;
  if (rule.key == "all") return wanted || record.anonymous;
  if (rule.key == "until") return record.created_ns < rule.time_ns;
  return record.created_ns > rule.time_ns;  // after, since
}

bool VolumeFilter::Matches(const VolumeRecord& record, const std::function<bool()>& used) const {
  std::map<std::string, bool> alternatives;
  for (const Rule& rule : rules_) {
    const bool holds = Holds(rule, record, used);
    if (IsConjunction(rule.key) && !holds) return false;
    bool& any = alternatives.try_emplace(rule.key, false).first->second;
    any = any || holds;
  }
  for (const auto& [key, any] : alternatives)
    if (!any) return false;
  return true;
}

}  // namespace wolffia
