// DeferredRelease: lets a command that unlinks big files end before the kernel has given their space back.
// Unlinking 450 MB of cached tar takes 30-100 ms (every page is dropped, every extent freed), all of it after
// the name is gone. The files are held open by a child process while they are unlinked, and their last close
// happens there. Nothing can be left behind: the names are gone when the command ends, and whatever kills the
// child closes its files.
#pragma once

#include <string>
#include <vector>

#include "storage/store.h"

namespace wolffia {

class DeferredRelease {
 public:
  explicit DeferredRelease(const Store& store);
  DeferredRelease(const DeferredRelease&) = delete;
  DeferredRelease& operator=(const DeferredRelease&) = delete;
  ~DeferredRelease();  // after the files were unlinked: hands them to the child

  // Before the file is unlinked. Small files are not worth it, and where the disk is nearly full the space is
  // wanted at once: both are left alone.
  void Hold(const std::string& path, uint64_t bytes);

 private:
  const Store& store_;
  bool plenty_of_space_;
  std::vector<Fd> files_;
};

}  // namespace wolffia
