// What the file system of an upper can do, found out by doing it in the work directory: a version or a file
// system's name says nothing about NFS servers, old tmpfs, or what a sandbox forbids.
#pragma once

#include "engine/base/result.h"
#include "storage/overlay/upper_store.h"

namespace wolffia {

// What is not `allowed` is not tried. Leaves nothing in the work directory.
Result<UpperCapabilities> ProbeUpper(int workfd, const UpperCapabilities& allowed, const StepHook& step);

}  // namespace wolffia
