// Signals by name and number, as users type them.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace wolffia {

// "KILL", "SIGKILL", "9", "RTMIN+3"; podman's words: "invalid signal: X".
Result<int> ParseSignal(std::string_view text);
std::string SignalName(int signal);  // "SIGKILL", "SIGRTMIN+3"

}  // namespace wolffia
