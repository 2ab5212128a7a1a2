#include "cmd/filter.h"

#include <charconv>

#include "cmd/duration.h"
#include "engine/base/context.h"

namespace wolffia {

Result<bool> Filter::Bool() const {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return Fail(Code::kInvalid, "invalid filter " + key + "=" + value + ": not true or false");
}

Result<int64_t> Filter::Time(int64_t now_ns) const {
  constexpr int64_t kSecond = 1'000'000'000;
  if (auto time = ParseTime(value)) return *time;
  int64_t seconds = 0;
  const char* end = value.data() + value.size();
  auto [parsed, error] = std::from_chars(value.data(), end, seconds);
  if (error == std::errc() && parsed == end && seconds >= 0 && seconds < INT64_MAX / kSecond)
    return seconds * kSecond;
  if (auto span = ParseDuration(value)) return now_ns - *span;
  return Fail(Code::kInvalid, "invalid filter " + key + "=" + value +
                                  ": neither a time (2026-01-02T15:04:05Z), nor seconds since 1970, nor a "
                                  "duration (1h30m)");
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
