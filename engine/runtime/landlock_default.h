// The built-in Landlock policy (--security-opt landlock=default): all may be read and executed; the
// directories that hold programs and the system's configuration cannot be changed, nor anything of /proc and
// /sys; what the user mounted can. Whose network or processes are not the container's own is out of reach by
// abstract sockets and signals.
#pragma once

#include "engine/landlock/policy.h"
#include "engine/oci/runtime_spec.h"

namespace wolffia {

// Of the host or of another container.
struct SharedNamespaces {
  bool network = false, processes = false;
};

// For a container with this spec, as far as it is made: mounts and working directory. Best effort.
LandlockPolicy DefaultLandlock(const RuntimeSpec& spec, SharedNamespaces shared);

}  // namespace wolffia
