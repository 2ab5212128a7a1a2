// Where the monitor of a running container listens: $runroot/monitors/<id>. Not an abstract name: one of
// those can be reached from a container that has the host's network (CVE-2020-15257).
#pragma once

#include <sys/un.h>

#include <string>

#include "engine/base/fd.h"

namespace wolffia {

// Value of the queued SIGRTMAX that asks a monitor to listen anew, when the runtime directory was wiped.
inline constexpr int kRebindMagic = 0x776f6c66;

// $runroot/monitors, made if it is missing.
Result<Fd> OpenMonitors(const std::string& runroot);
// Through a descriptor of the directory: a path of its own may be too long for a socket.
sockaddr_un ControlAddress(int monitors, const std::string& id);
// The other end belongs to the user who runs this.
bool IsOurs(int socket);

}  // namespace wolffia
