// Leases: which addresses each container of the user's networks has, one file for each in leases/ of the
// holder's directory. A holder that takes over from one that was killed gives them to nobody else until their
// containers have come back; one that leaves in peace leaves none behind.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "network/holder_protocol.h"
#include "network/member.h"

namespace wolffia {

// `directory`: of the holder. Of the networks only the names are kept.
std::vector<JoinRequest> ReadLeases(int directory);  // malformed ones are left out
bool HasLeases(int directory);
// kInvalid: the container's id is none.
Result<> WriteLease(int directory, const Member& member);
void RemoveLease(int directory, const std::string& container);

}  // namespace wolffia
