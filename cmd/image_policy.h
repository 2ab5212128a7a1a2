// The signature policy before a start: an image that came under another policy than that of now is verified
// again.
#pragma once

#include "cmd/session.h"
#include "storage/image_store.h"

namespace wolffia {

// Costs a stat(2) for each policy file, unless one has changed since the image was verified, or
// --signature-policy names one: then wolffia-image verifies the image, offline, and remembers that. An error
// if the policy rejects it.
Result<> CheckPolicyOfNow(const Command& command, const ImageRecord& record);

}  // namespace wolffia
