// The flags of `run` as a RunRequest. Reads nothing but the flags and the working directory's name.
#pragma once

#include "cmd/command_line.h"
#include "engine/config/settings.h"
#include "engine/runtime/run_request.h"

namespace wolffia {

// Errors name the flag. `command`: the words after the image.
Result<RunRequest> ReadRunFlags(const OptionValues& options, const Settings& settings,
                                std::vector<std::string> command, const std::string& working_directory);

}  // namespace wolffia
