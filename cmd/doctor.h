// The verbs of wolffia-doctor.
#pragma once

#include "cmd/session.h"

namespace wolffia {

Result<int> DoctorVerb(const Command& command);
// For --require: fails with a sentence for the first of the guarantees that does not hold.
Result<int> ProbeVerb(const Command& command);
Result<int> PageVerb(const Command& command);

}  // namespace wolffia
