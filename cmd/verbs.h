// The verbs of `wolffia`, one file each.
#pragma once

#include "cmd/session.h"

namespace wolffia {

Result<int> RunVerb(const Command& command);
Result<int> CreateVerb(const Command& command);
Result<int> InitVerb(const Command& command);
Result<int> StartVerb(const Command& command);
Result<int> StopVerb(const Command& command);
Result<int> KillVerb(const Command& command);
Result<int> RestartVerb(const Command& command);
Result<int> PauseVerb(const Command& command);
Result<int> UnpauseVerb(const Command& command);
Result<int> UpdateVerb(const Command& command);
Result<int> WaitVerb(const Command& command);
Result<int> PsVerb(const Command& command);
Result<int> RmVerb(const Command& command);
Result<int> InspectVerb(const Command& command);
Result<int> ImagesVerb(const Command& command);
Result<int> TagVerb(const Command& command);
Result<int> RmiVerb(const Command& command);
Result<int> InfoVerb(const Command& command);
Result<int> VersionVerb(const Command& command);
Result<int> CompletionVerb(const Command& command);
Result<int> HelpVerb(const Command& command);

// Those of `wolffia-image`.
Result<int> PullVerb(const Command& command);
Result<int> LoadVerb(const Command& command);
Result<int> SystemCheckVerb(const Command& command);
Result<int> AcquireVerb(const Command& command);
Result<int> IndexVerb(const Command& command);
Result<int> VerifyImagesVerb(const Command& command);
Result<int> VerifyImageVerb(const Command& command);

}  // namespace wolffia
