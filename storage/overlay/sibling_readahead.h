// SiblingReadahead: puts small files of a lower into the kernel's page cache before they are asked for, where
// one program reads file after file (tar, cp -a, grep -r). The kernel reads ahead inside a file only, so that
// each file costs a round trip, and the next one is not asked for before the last one is there.
//
// Siblings have consecutive node numbers, in the order in which directories list them (index_format.h); so
// who reads node after node will want the next ones. They are stored (FUSE_NOTIFY_STORE) just before the READ
// that shows the pattern is answered, more of them each time. What the kernel does not know yet, because
// nobody looked at it, ends the run. A wrong guess costs some microseconds and some page cache.
//
// Only for a tree that never changes: a page that a writer has just filled would be overwritten.
//
// A store waits for a READ of the same file that is under way, which another thread has to answer. A thread
// of its own for the stores would meet the reader's READs all the time, and if the server is killed just
// then, the store waits for ever, keeps /dev/fuse open with it, and neither the server nor the container can
// end (tried: only the connection's "abort" in fusectl helps). So:
// - files are stored before the answer to the reader, which asks for nothing else meanwhile;
// - only for a reader that is alone: any other thread of the container that reads from the lower ends the
// run;
// - only one thread stores at a time, and only while another one is idle.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

#include "storage/overlay/fuse_request.h"
#include "storage/overlay/lower_tree.h"

namespace wolffia {

class SiblingReadahead {
 public:
  // Called with each READ before it is answered. Thread-safe; never waits for another thread of the server
  // but in the store.
  void Before(const FuseRequest& read, const LowerTree& tree);

 private:
  // A run of nodes that is being read: tar leaves a directory for its subdirectories and comes back, so there
  // are several.
  struct Run {
    uint32_t last = 0;    // the last node that was asked for; 0 (the root): none
    uint32_t stored = 0;  // the first node that was not looked at for storing
    uint32_t batch = 0;   // how many files are stored next time, at most
  };
  Run* RunOf(uint32_t node);
  void StoreAfter(Run& run, const FuseRequest& read, const LowerTree& tree);

  std::mutex mutex_;  // only ever tried, so that it may be held across a store; guards what follows
  uint32_t reader_ = 0;
  std::array<Run, 4> runs_{};
  size_t oldest_ = 0;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace wolffia
