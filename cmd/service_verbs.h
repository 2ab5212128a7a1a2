// Verbs for service managers.
#pragma once

#include "cmd/session.h"

namespace wolffia {

Result<int> GenerateSystemdVerb(const Command& command);

}  // namespace wolffia
