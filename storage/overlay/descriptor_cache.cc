#include "storage/overlay/descriptor_cache.h"

#include <utility>

namespace wolffia {

SharedFd DescriptorCache::Get(uint64_t key) {
  std::lock_guard guard(lock_);
  auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second);
  return found->second->fd;
}

SharedFd DescriptorCache::Put(uint64_t key, Fd fd) {
  auto shared = std::make_shared<const Fd>(std::move(fd));
  std::list<Open> evicted;  // closed after the lock is let go: close may wait for the disk
  std::lock_guard guard(lock_);
  auto [at, added] = by_key_.try_emplace(key);
  if (!added) {
    recent_.splice(recent_.begin(), recent_, at->second);
    evicted.push_back({key, std::move(shared)});
    return at->second->fd;
  }
  recent_.push_front({key, shared});
  at->second = recent_.begin();
  while (recent_.size() > capacity_) {
    by_key_.erase(recent_.back().key);
    evicted.splice(evicted.end(), recent_, std::prev(recent_.end()));
  }
  return shared;
}

void DescriptorCache::Drop(uint64_t key) {
  std::list<Open> dropped;
  std::lock_guard guard(lock_);
  auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  dropped.splice(dropped.end(), recent_, found->second);
  by_key_.erase(found);
}

}  // namespace wolffia
