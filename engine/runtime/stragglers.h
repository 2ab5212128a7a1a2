// Stragglers: processes of a container that outlive its first one. A pid namespace of its own takes them
// along; where that is the host's or another container's (--pid), nothing does, and the kernel hands them to
// a process that is not ours. What still tells them is the container's mount namespace, which every container
// has of its own.
#pragma once

#include <sys/types.h>

namespace wolffia {

struct MountNamespace {
  dev_t device = 0;
  ino_t inode = 0;  // 0: not known
};

MountNamespace MountNamespaceOf(pid_t pid);

// Kills whatever runs in it. Not ourselves, whatever is given. System calls only: the guard does it too.
void KillStragglers(const MountNamespace& of);

}  // namespace wolffia
