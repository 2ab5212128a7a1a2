// The verbs of wolffia-image that copy files of containers, one file each.
#pragma once

#include "cmd/session.h"

namespace wolffia {

Result<int> CpVerb(const Command& command);
Result<int> DiffVerb(const Command& command);
Result<int> ExportVerb(const Command& command);
Result<int> ImportVerb(const Command& command);

}  // namespace wolffia
