// --filter KEY=VALUE of `images` and `ps`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct Filter {
  std::string key, value;
  Result<bool> Bool() const;
  bool operator==(const Filter&) const = default;
};

Result<std::vector<Filter>> ParseFilters(const std::vector<std::string>& typed);

// "KEY" or "KEY=VALUE".
bool LabelMatches(const std::map<std::string, std::string>& labels, const std::string& wanted);

}  // namespace wolffia
