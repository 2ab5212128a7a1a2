// ReadTrial: a layer in memory of which a byte changes after it was indexed, read as the servers of containers
// read: the change must be noticed, and nothing else be refused.
#pragma once

#include <string>

namespace wolffia {

// Empty if so, else what happened instead.
std::string TryVerifiedRead();

}  // namespace wolffia
