// OverlayProbe: whether the kernel's overlayfs can keep the changes of an ordinary user's containers, found
// out by trying, never guessed from a version: a short-lived process mounts it (userxattr) in namespaces of
// its own and does there what needs the file system's help: a copy-up, a whiteout, an opaque directory.
#pragma once

#include <optional>
#include <string>

#include "engine/base/result.h"

namespace wolffia {

struct OverlayProbe {
  bool works = false;
  int os_errno = 0;      // of what failed
  bool lasting = false;  // the same until the next boot; false: memory or disk was short, say
};

// On the file system of `directory`: empty, the caller's own, and full of the probe's leavings afterwards;
// with `memory` on a tmpfs that is mounted there. The caller must have one thread only.
OverlayProbe ProbeOverlay(const std::string& directory, bool memory);

}  // namespace wolffia
