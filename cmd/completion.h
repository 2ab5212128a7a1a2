// Completion scripts for bash, zsh and fish, made from the option table. Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

Result<std::string> CompletionScript(std::string_view shell);

}  // namespace wolffia
