// Verbs of health checks.
#pragma once

#include "cmd/session.h"

namespace wolffia {

Result<int> HealthcheckRunVerb(const Command& command);

}  // namespace wolffia
