// Fetching again what a store has lost of its images: by digest, from where the name of each image says, so
// that a tag that has moved on since does not matter.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/registry/pull.h"

namespace wolffia {

// `broken`: blobs that are damaged or missing. Each image that needs one of them is asked for, until none is
// left. A damaged blob stays as it is until its replacement is complete, and then gives way to it in one step.
// Returns a sentence for each image that could not help.
Result<std::vector<std::string>> RefetchContent(const Context& context, const Settings& settings,
                                                const Store& store, std::set<Digest> broken,
                                                const PullOptions& options);

}  // namespace wolffia
