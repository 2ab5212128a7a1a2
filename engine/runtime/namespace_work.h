// NamespaceWork: work on files whose ids are the user's subordinate ones: done by a short-lived process as
// root of a user namespace that maps them, whose capabilities hold there.
#pragma once

#include <functional>
#include <string>

#include "engine/runtime/host_facts.h"

namespace wolffia {

// Runs `work` in a copy of this process, in a new user namespace with `maps` (and the user, if they leave it
// out), and returns its error. The caller must have one thread only. `what` begins the sentence if the process
// itself cannot be made: "remove /x".
Result<> WorkAsRoot(const IdMaps& maps, const HostFacts& host, const std::string& what,
                    const std::function<Result<>()>& work);
// The same from a process that may have threads; one process more.
Result<> WorkAsRootBesideThreads(const IdMaps& maps, const HostFacts& host, const std::string& what,
                                 const std::function<Result<>()>& work);

// The same in a namespace that exists: the descriptor of a container's. Threads do not matter.
Result<> WorkInNamespace(int user_namespace, const std::string& what, const std::function<Result<>()>& work);

}  // namespace wolffia
