// LowerSource: a read-only tree below an upper, as OverlayTree needs it. Two makers: an index and the tars of
// its layers (IndexLower), and plain directories in overlayfs's layout (DirectoryLower). The tree does not
// change while it is served. Layers are merged here already: whiteouts, opaque and redirected directories of
// lower layers are never seen above.
//
// Entries have small numbers: the root is 0, the others are below IdLimit(). They stay valid for the life of
// the object. All functions may be called by several threads at once. Ids (uid, gid) are shown as the mount's
// user namespace wants them.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/overlay/errno_result.h"
#include "storage/overlay/id_view.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

using LowerId = uint32_t;
inline constexpr LowerId kNoLower = 0xffffffff;
inline constexpr LowerId kLowerRoot = 0;

// A name that a directory can hold: 1 to 255 bytes, no slash, no NUL, neither "." nor "..".
bool ValidName(std::string_view name);

struct LowerEntry {
  std::string_view name;  // valid as long as the source
  LowerId id = kNoLower;
  uint64_t position = 0;  // in its directory
};

class LowerSource {
 public:
  virtual ~LowerSource() = default;

  // One more than any id that was given out so far (an index: all of its nodes).
  virtual LowerId IdLimit() const = 0;
  virtual LowerId Lookup(LowerId directory, std::string_view name) = 0;  // kNoLower: there is none
  // st_ino and st_nlink as a user is to see them. Directories: 2 + subdirectories.
  virtual Sys<struct stat> Stat(LowerId id) = 0;
  virtual mode_t Type(LowerId id) = 0;  // S_IFMT bits; 0 for an id that was never given out
  // The first entry of the directory at `position` or after it, in an order that never changes (the order of
  // the bytes on the disk where that is known); false at the end. Positions count from 0.
  virtual bool EntryAt(LowerId directory, uint64_t position, LowerEntry* entry) = 0;
  virtual LowerId Parent(LowerId directory) = 0;  // of a directory; the root's is the root

  virtual Sys<std::string> ReadLink(LowerId id) = 0;
  virtual Sys<size_t> Read(LowerId file, void* buffer, size_t size,
                           uint64_t offset) = 0;   // fewer only at the end
  virtual Sys<> CopyTo(LowerId file, int fd) = 0;  // all bytes into an empty file; holes stay holes
  virtual Sys<int64_t> Seek(LowerId file, int64_t offset, int whence) = 0;  // SEEK_DATA, SEEK_HOLE
  virtual bool has_holes() const = 0;                                       // false: Seek need not be asked

  virtual bool shows_xattrs() const = 0;                                  // false: no entry has any
  virtual Sys<std::string> Xattr(LowerId id, std::string_view name) = 0;  // ENODATA
  virtual std::vector<std::string> XattrNames(LowerId id) = 0;

  // Where an entry lies in this tree; of a file with several names, one of them. kNoLower for the root.
  struct Spot {
    LowerId directory = kNoLower;
    std::string name;
  };
  virtual Spot Locate(LowerId id) = 0;
  // Of a directory: its path from the root, no leading slash ("" for the root), and the way back. What an
  // upper keeps of a lower directory that was renamed.
  std::string PathOf(LowerId directory);
  LowerId Resolve(std::string_view path);  // directories only, no links followed

  // The inode number to show for something that was made in the upper, which has `host_ino` on device
  // `host_dev`: never one that this tree shows.
  virtual uint64_t UpperIno(dev_t host_dev, uint64_t host_ino) = 0;
};

std::unique_ptr<LowerSource> MakeIndexLower(std::shared_ptr<const Lower> lower, IdView ids);

}  // namespace wolffia
