// Stragglers: processes of a container that outlive its first one. A pid namespace of its own takes them
// along; where that is the host's or another container's (--pid), nothing does, and the kernel hands them to
// a process that is not ours. What still tells them is the container's mount namespace, which every container
// has of its own.
#pragma once

namespace wolffia {

// Kills whatever runs in the mount namespace that the descriptor stands for; nothing if it is -1, or our own.
// A descriptor and not a number: the kernel gives the number of a namespace that is gone to the next one that
// anybody makes. System calls only: the guard does it too.
void KillStragglers(int mount_namespace);

}  // namespace wolffia
