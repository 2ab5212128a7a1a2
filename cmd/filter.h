// --filter KEY=VALUE of verbs that list or prune.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct Filter {
  std::string key, value;
  Result<bool> Bool() const;
  // Of until=: a moment as --since takes it (time_flag.h).
  Result<int64_t> Time(int64_t now_ns) const;
  bool operator==(const Filter&) const = default;
};

Result<std::vector<Filter>> ParseFilters(const std::vector<std::string>& typed);

// "KEY" or "KEY=VALUE".
bool LabelMatches(const std::map<std::string, std::string>& labels, const std::string& wanted);

}  // namespace wolffia
