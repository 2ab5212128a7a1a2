// `wolffia-net ports`: the process that forwards a container's published ports (forward_protocol.h).
#pragma once

namespace wolffia {

// Until the other end of `control` is closed. Its exit code.
int RunPortForwarder(int control);

}  // namespace wolffia
