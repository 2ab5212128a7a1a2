// What the user tries on the first process of a World from outside of it. Private to host_trial.cc.
#pragma once

#include <sys/types.h>

#include "engine/guarantees/host_trial.h"

namespace wolffia {

// ptrace, perf, who it is on the host, and with `has_network` a rate limit on its interface.
void TryFromOutside(pid_t pid, const IdMaps& maps, bool has_network, World& world);

}  // namespace wolffia
