// What is in a container's directory, for a container whose user namespace leaves the user out: its root, who
// is a subordinate id then, may pass through the directory (0710, of the root's group), has the kernel's
// upper, and owns its /etc/hosts and the like.
#pragma once

#include <string>

#include "engine/oci/runtime_spec.h"
#include "engine/runtime/host_facts.h"

namespace wolffia {

// At each start, when the files are there. Nothing to do where the user is mapped. Threads do not matter.
// `fresh_upper`: upper/ and work/ are the user's yet, and are to be the root's.
Result<> GiveOwnFiles(const RuntimeSpec& spec, const HostFacts& host, const std::string& container_dir,
                      bool fresh_upper);

// Of this process's 0 to 2 the pipes without a name, which are the user's and are to be a container's, whose
// root cannot make them its own there (step::OwnStdio): everybody who can name one may open it, as
// /dev/stdout.
void OpenStdioToAll();

}  // namespace wolffia
