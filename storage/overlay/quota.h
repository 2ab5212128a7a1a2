// Quota: what an upper may use, and what it uses. Bytes are the host's blocks (st_blocks x 512) of everything
// but directories; inodes are objects, directories too, whiteouts not (a deletion must never fail for the
// quota). Without limits nothing is counted. Thread-safe; its lock is a leaf.
//
// Each inode of the host is charged with what it took when it was last looked at, and that, not what the host
// says then, is given back when it goes: the host allocates late (delayed extents, preallocation), and a
// container could otherwise earn room by making and removing files. 48 bytes of memory for a file, only where
// bytes are limited.
#pragma once

#include <sys/statvfs.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "storage/overlay/errno_result.h"

namespace wolffia {

struct OverlayLimits {  // 0: none
  uint64_t bytes = 0;   // of the upper's blocks
  uint64_t inodes = 0;  // of the upper, the root directory not counted
};

class Quota {
 public:
  explicit Quota(OverlayLimits limits);
  bool active() const { return limits_.bytes != 0 || limits_.inodes != 0; }
  bool counts_bytes() const { return limits_.bytes != 0; }
  // Reads the whole upper once; nothing where there are no limits. With `work_fd`, also the files in
  // work/links (which may have no name in the upper any more), and the file whose hard links are whiteouts is
  // left out.
  Sys<> CountTree(int upper_fd, int work_fd = -1);

  Sys<> TakeInode();  // ENOSPC
  void GiveInode();

  // Before a change: room for so much more. ENOSPC, and then nothing is taken.
  Sys<> TakeBytes(uint64_t bytes);
  void GiveBytes(uint64_t bytes);
  // After it: the inode takes so much now, instead of what it was charged with; what was reserved for it by
  // TakeBytes is given back. May pass the limit: then the next change finds no room.
  void Settle(uint64_t host_ino, uint64_t bytes_now, uint64_t reserved = 0);
  // The same, but ENOSPC and no change where that would be more than before and above the limit.
  Sys<> Charge(uint64_t host_ino, uint64_t bytes_now);
  void Release(uint64_t host_ino);  // its last name and user are gone

  // Held over a change of a file's size or blocks and the Settle after it. Before the quota's own lock; with
  // it held, nothing else is locked.
  std::mutex& FileLock(uint64_t host_ino) { return file_locks_[host_ino % file_locks_.size()]; }

  void Limit(struct statvfs* st) const;  // shows the limits, where they are tighter than the file system's

 private:
  OverlayLimits limits_;
  std::array<std::mutex, 64> file_locks_;
  mutable std::mutex lock_;
  uint64_t bytes_ = 0, inodes_ = 0;
  std::unordered_map<uint64_t, uint64_t> charged_;  // by host inode number; none of 0 bytes
};

// XFS sets room aside beyond the end of a growing file, which nobody asked for, and shows it as the file's.
// What is made in this directory and below from now on takes just what it needs (ioctl_xfs_fsgetxattr(2)).
// Elsewhere, and where that is refused, nothing happens.
void AllocateExactly(int directory);

// What a file takes on the host, as the quota counts it: 0 for a directory.
Sys<uint64_t> HostBytes(int fd);
Sys<uint64_t> HostBytes(int dirfd, const char* name);

}  // namespace wolffia
