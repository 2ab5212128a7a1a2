// SiblingReadahead: small files of a directory that are read one after another (tar, cp, grep, an
// interpreter's start) are put into the kernel's page cache before they are asked for (FUSE_NOTIFY_STORE), so
// that a reader does not wait a round trip for each. The kernel's own readahead stays inside one file.
//
// Only for a tree that never changes: a page that a writer has just filled would be overwritten.
//
// It follows a few readers at a time. The nodes of a directory have successive numbers, in the order of its
// names (index_format.h), so a reader is a run of growing numbers. What the kernel does not know (nobody
// looked at it yet) is refused and ends the run. One thread, started by the first run.
#pragma once

#include <pthread.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "storage/overlay/lower_tree.h"

namespace wolffia {

class SiblingReadahead {
 public:
  // `tree` and `fuse_fd` (of a served /dev/fuse) stay until Stop has returned.
  SiblingReadahead(const LowerTree& tree, int fuse_fd);
  ~SiblingReadahead() { Stop(); }
  // A request to read the file from its start has come. Thread-safe, and brief.
  void Note(uint32_t node);
  void Stop();  // while the session still answers: a page that is being read is waited for

 private:
  struct Run {
    uint32_t last = 0;    // the node that was asked for last
    uint32_t until = 0;   // what lies below this has been stored, or is being stored
    uint32_t window = 0;  // how many nodes the next step goes ahead; 0: it is not a run yet
    uint64_t used = 0;
  };
  struct Step {
    uint32_t from, until;
  };
  Run& RunOf(uint32_t node);
  void StartThread();
  void Work();
  bool Store(uint32_t node, std::vector<char>& buffer);

  const LowerTree& tree_;
  const int fd_;
  std::mutex mutex_;  // guards what follows; a leaf
  std::condition_variable changed_;
  std::array<Run, 8> runs_{};
  std::vector<Step> steps_;
  std::vector<bool> stored_;  // by node: not stored a second time, unless it has been asked for again
  uint64_t clock_ = 0;
  bool started_ = false, stopping_ = false;
  pthread_t thread_{};
};

}  // namespace wolffia
