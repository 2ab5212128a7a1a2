// The guard of a container: a second process of the monitor's that kills the container once the monitor is
// gone.
//
// The kernel's own means, PR_SET_PDEATHSIG, lasts only until the container's first process changes its ids:
// an entrypoint that starts as root and goes on as a service's user ("exec gosu postgres ...") clears it, and
// so does the execve of a setuid program. Such a container would run on without a monitor, without its layers
// and without its lock.
#pragma once

#include "engine/base/process.h"

namespace wolffia {

// Forks the guard. It holds the container's lock until the container is dead, and nothing else of ours. Where
// the container has no pid namespace of its own, its mount namespace (lent) is what its other processes are
// found by; else -1.
// Destroy it after the container has ended and before the lock is given up.
Result<Child> StartGuard(int container_pidfd, int lock, int mount_namespace = -1);

}  // namespace wolffia
