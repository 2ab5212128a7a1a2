// Mounting a FUSE file system from its own server: by mount(2) where the caller is root, also in a user
// namespace of its own; else by fusermount3, which is setuid.
#pragma once

#include <string>

#include "cmd/overlayfs_options.h"
#include "engine/base/fd.h"

namespace wolffia {

struct FuseMount {
  Fd fuse;    // for the server
  Fd keeper;  // fusermount3 unmounts when this is closed (auto_unmount); else none
};

// `mountpoint` is absolute.
Result<FuseMount> MountFuse(const OverlayfsOptions& options, const std::string& mountpoint);
// Also while it is in use: it goes when the last user does.
Result<> UnmountFuse(const std::string& mountpoint);

// The options for mount(2) (without fd, rootmode and the ids) and for fusermount3. Pure.
std::string KernelMountData(const OverlayfsOptions& options);
std::string FusermountOptions(const OverlayfsOptions& options);

}  // namespace wolffia
