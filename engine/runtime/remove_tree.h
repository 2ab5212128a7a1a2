// Removal of files that the user does not own but whose ids are the user's: those that a container made as
// other ids. A short-lived process does it as root of a user namespace that maps them.
#pragma once

#include <string>

#include "engine/runtime/host_facts.h"

namespace wolffia {

// In a new namespace with all of the user's subordinate ids, so for any container of this user. The caller
// must have one thread only.
Result<> RemoveTreeAsRoot(const HostFacts& host, const std::string& path);
Result<> RemoveTreeAsRoot(const Context& context, const std::string& path);

// In a new one with these. Threads do not matter.
Result<> RemoveTreeOfMaps(const IdMaps& maps, const HostFacts& host, const std::string& path);

// In a namespace that exists, and maps the user: the descriptor of a container's. Threads do not matter.
Result<> RemoveTreeInNamespace(int user_namespace, const std::string& path);

}  // namespace wolffia
