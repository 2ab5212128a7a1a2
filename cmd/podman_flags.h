// The flags of `podman run` and its siblings that wolffia does not have: named so that the error can say that
// the flag is known and missing here, rather than that it is a typing mistake.
#pragma once

#include <string_view>

namespace wolffia {

// `name` without dashes; one letter is a short flag.
bool IsPodmanFlag(std::string_view verb, std::string_view name);

}  // namespace wolffia
