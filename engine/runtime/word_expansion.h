// WordExpansion: the shell's expansion of one word, as --env-merge and the builders of images know it: $NAME,
// ${NAME},
// ${NAME:-otherwise}, ${NAME:+instead}, quotes and backslashes. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// nullopt: the variable is not set.
using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

// Quotes are removed; inside single ones nothing is special. A variable that is not set is empty. kInvalid
// for a quote or brace that is not closed, and for an operator that is not known.
Result<std::string> ExpandWord(std::string_view word, const VariableLookup& lookup);

}  // namespace wolffia
