// DirectoryLower: a LowerSource over plain directories in the layout of overlayfs and of container engines,
// the topmost first.
//
// What hides something below it: a character device 0:0, an object that says it is one
// (user.containers.override_stat), a file `.wh.NAME`, anything that is not a directory; and everything below
// a directory that is opaque (trusted., user.overlay.opaque, user.fuseoverlayfs.opaque, `.wh..wh..opq`). A
// directory with user.overlay.redirect or trusted.overlay.redirect continues with another directory of the
// layers below it: an absolute path in their merge, or another name in the same place.
//
// The directories are read when they are first asked for, and their names are kept; attributes are kept of
// entries that were looked at. No descriptor is kept for an entry: see descriptor_cache.h. Symbolic links of
// the host are never followed.
#pragma once

#include <memory>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/lower_source.h"
#include "storage/overlay/owner_map.h"
#include "storage/overlay/upper_object.h"

namespace wolffia {

struct DirectoryLowerOptions {
  UpperIds ids = UpperIds::kNative;  // kOverride: user.containers.override_stat says what an object is
  OwnerMaps owners;
  bool xattrs = true;         // false: shows none
  bool static_nlink = false;  // directories show one link, and need not be read for it
  // Where the upper lies: where all of it is on one device, inode numbers are the host's.
  std::optional<dev_t> upper_device;
  size_t descriptors = 96;
};

Result<std::unique_ptr<LowerSource>> MakeDirectoryLower(std::vector<Fd> layers,
                                                        DirectoryLowerOptions options);

}  // namespace wolffia
