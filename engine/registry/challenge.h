// WWW-Authenticate: what a registry asks for (RFC 9110, 11.6.1; the registry token specification). Pure. The
// header comes from the network: its length and the number of its parts are bounded, and what does not follow
// the grammar is refused as a whole, so that no half of a realm is ever used.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct Challenge {
  std::string scheme;                         // lower case: "bearer", "basic"
  std::map<std::string, std::string> params;  // names in lower case; a token68 is under ""
  bool operator==(const Challenge&) const = default;
};

// One header may hold several challenges. kInvalid if it is malformed or has a parameter twice.
Result<std::vector<Challenge>> ParseChallenges(std::string_view header);

}  // namespace wolffia
