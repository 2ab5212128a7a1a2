// The question before something is removed in bulk.
#pragma once

#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// Prints the warning and "Are you sure you want to continue? [y/N] ", and reads one line of standard input:
// true for y or yes in any case. The end of the input is a no.
Result<bool> Confirm(std::string_view warning);

}  // namespace wolffia
