// KeptVerdict: an image of the store against the policy of now, from the signatures that were kept when it
// came. Asks no network.
#pragma once

#include "engine/signature/policies.h"
#include "storage/image_store.h"

namespace wolffia {

// The verdict of now. kInvalid: the policy rejects the image; says why. One without a source was made on this
// host, and no policy is about it: the verdict is empty then.
Result<ImageVerdict> VerifyKept(const Store& store, const Policies& policies, const ImageRecord& record);

// "made here", "accepted" or "signed".
std::string_view VerdictWord(const ImageVerdict& verdict);

}  // namespace wolffia
