// DescriptorCache: open files and directories of the upper, the least recently used ones closed: never a
// descriptor for each node, because the hard limit may be low (256). A descriptor that somebody holds stays
// open until they let go of it. Thread-safe; its lock is a leaf.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/base/fd.h"

namespace wolffia {

using SharedFd = std::shared_ptr<const Fd>;

class DescriptorCache {
 public:
  explicit DescriptorCache(size_t capacity) : capacity_(capacity) {}
  SharedFd Get(uint64_t key);         // nullptr: not there
  SharedFd Put(uint64_t key, Fd fd);  // what is there already wins
  void Drop(uint64_t key);

 private:
  struct Open {
    uint64_t key;
    SharedFd fd;
  };
  const size_t capacity_;
  std::mutex lock_;
  std::list<Open> recent_;  // front: the most recent
  std::unordered_map<uint64_t, std::list<Open>::iterator> by_key_;
};

}  // namespace wolffia
