// XattrStore: the extended attributes of the upper's objects, in the file system's own user.* attributes, or,
// where it has none (NFSv3, some Lustre, old tmpfs), in a sidecar file. Names here are full names
// ("user.overlay.opaque").
//
// The sidecar is one append-only log beside the upper (work/sidecar), keyed by host inode number: records
// with a length, a checksum and the object's complete set of attributes; the last one of an object counts; a
// torn tail is cut off. It is read at open, kept in memory, and written anew (rename) when more than half of
// it is dead. The page on its format: storage/overlay/FORMAT.md.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/errno_result.h"

namespace wolffia {

// One object of the upper. `fd`, if there is one, is used instead of the name; it must not be O_PATH.
struct UpperRef {
  int dirfd = -1;
  const char* name = "";
  uint64_t host_ino = 0;
  int fd = -1;
};

class XattrStore {
 public:
  virtual ~XattrStore() = default;
  virtual Sys<std::string> Get(const UpperRef& object, const std::string& name) = 0;  // ENODATA
  // XATTR_CREATE, XATTR_REPLACE in `flags`.
  virtual Sys<> Set(const UpperRef& object, const std::string& name, std::string_view value,
                    int flags = 0) = 0;
  virtual Sys<> Remove(const UpperRef& object, const std::string& name) = 0;  // ENODATA
  virtual Sys<std::vector<std::string>> List(const UpperRef& object) = 0;
  // The object is new: what an earlier one with this inode number left is dropped. And: it is gone.
  virtual Sys<> Forget(uint64_t host_ino) = 0;
  virtual Sys<> Sync() = 0;  // to the disk
  // Before a new object of this number gets its name: what an earlier one had can't come back to it, not even
  // by a loss of power.
  virtual Sys<> SyncForgotten(uint64_t) { return {}; }
  // Several calls for one object are worth a descriptor for it.
  virtual bool prefers_fd() const { return false; }
};

using StepHook = std::function<void()>;  // called before every change of the disk; see UpperStore

// How an object without a descriptor is reached: by getxattrat(2) and its kin (Linux 6.13), by
// /proc/self/fd/DIRFD/NAME, or by opening it (nothing but files and directories then).
enum class XattrWay { kAt, kProc, kOpen };
XattrWay BestXattrWay();
std::unique_ptr<XattrStore> MakeFileXattrStore(StepHook step, XattrWay way = BestXattrWay());
Result<std::unique_ptr<XattrStore>> OpenSidecar(int workfd, StepHook step);

}  // namespace wolffia
