// wolffia-image or wolffia-doctor as a child of `run`: the work that must be done before a container can start and
// that this program does not link.
#pragma once

#include <string>
#include <vector>

#include "cmd/session.h"

namespace wolffia {

// Runs `PROGRAM GLOBAL-OPTIONS words...`, its messages and progress on our standard error. What it
// printed on standard output; if it failed, an error without a sentence of its own to add ("" : it has said
// why).
Result<std::string> RunHeavyProgram(const Command& command, const std::vector<std::string>& words,
                                    const std::string& program = "wolffia-image");

}  // namespace wolffia
