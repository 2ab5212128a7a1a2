#include "cmd/filter.h"

#include "cmd/time_flag.h"

namespace wolffia {

Result<bool> Filter::Bool() const {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return Fail(Code::kInvalid, "invalid filter " + key + "=" + value + ": not true or false");
}

Result<int64_t> Filter::Time(int64_t now_ns) const {
  return ParseTimeFlag(value, TimeFlag::kSince, now_ns).With("invalid filter " + key + "=" + value);
}

Result<std::vector<Filter>> ParseFilters(const std::vector<std::string>& typed) {
  std::vector<Filter> filters;
  for (const std::string& text : typed) {
    size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Fail(Code::kInvalid, "invalid filter \"" + text + "\": a filter is KEY=VALUE");
    filters.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return filters;
}

bool LabelMatches(const std::map<std::string, std::string>& labels, const std::string& wanted) {
  size_t equals = wanted.find('=');
  auto label = labels.find(wanted.substr(0, equals));
  if (label == labels.end()) return false;
  return equals == std::string::npos || label->second == wanted.substr(equals + 1);
}

}  // namespace wolffia
