// MemoryWatch: a descriptor that becomes readable when memory.events of a cgroup changes: when the kernel has
// killed a process of it for want of memory, among others. Nothing is polled.
#pragma once

#include <string>

#include "engine/base/fd.h"

namespace wolffia {

class MemoryWatch {
 public:
  // `cgroup`: its directory. kNotFound where it has no memory controller.
  static Result<MemoryWatch> Begin(const std::string& cgroup);
  int fd() const { return inotify_.get(); }
  void Drain();  // what made it readable has been seen

 private:
  explicit MemoryWatch(Fd inotify) : inotify_(std::move(inotify)) {}
  Fd inotify_;
};

}  // namespace wolffia
