// Quota: what an upper may use, and what it uses. Bytes are the host's blocks (st_blocks x 512). Counted by
// whoever changes the upper: reserved before, corrected after. Thread-safe; its lock is a leaf. Without
// limits nothing is counted.
#pragma once

#include <sys/statvfs.h>

#include <cstdint>
#include <mutex>

#include "storage/overlay/errno_result.h"

namespace wolffia {

struct OverlayLimits {  // 0: none
  uint64_t bytes = 0;   // of the upper's blocks
  uint64_t inodes = 0;  // of the upper, the root directory not counted
};

class Quota {
 public:
  explicit Quota(OverlayLimits limits) : limits_(limits) {}
  bool active() const { return limits_.bytes != 0 || limits_.inodes != 0; }
  // Reads the whole upper once; nothing where there are no limits.
  Sys<> CountTree(int upper_fd);
  Sys<> TakeInode();  // ENOSPC
  void GiveInode();
  Sys<> TakeBytes(uint64_t bytes);  // ENOSPC, and then nothing is taken
  void GiveBytes(uint64_t bytes);
  void Limit(struct statvfs* st) const;  // shows the limits, where they are tighter than the file system's

 private:
  const OverlayLimits limits_;
  mutable std::mutex lock_;
  uint64_t bytes_ = 0, inodes_ = 0;
};

}  // namespace wolffia
