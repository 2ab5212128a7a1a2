// Names for containers that the user did not name: adjective_noun, as users of the peers expect.
#pragma once

#include <string>

namespace wolffia {

// A random name; from the tenth attempt on with digits behind it, so that a full set of names ends no search.
std::string RandomName(int attempt);

}  // namespace wolffia
