// A socket of a container's network namespace, and a setting of it, in a process that stays outside of it.
#pragma once

#include "engine/base/fd.h"
#include "network/driver.h"

namespace wolffia {

// socket(2) with the namespaces of `target`, close-on-exec. The socket stays in its namespace, whoever uses
// it; who owns the user namespace may administer by it (netlink). Threads of the caller do not matter.
Result<Fd> SocketInside(const NetworkTarget& target, int domain, int type, int protocol);

// Writes one character into a file below /proc/sys/net, of the namespaces of `target`. kNotFound where the
// kernel has no such file.
Result<> WriteSysctlInside(const NetworkTarget& target, const char* path, char value);

}  // namespace wolffia
