#include "storage/overlay/sibling_readahead.h"

#include <linux/fuse.h>
#include <signal.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

// Larger files are read in pieces that the kernel's readahead asks for in time.
constexpr uint64_t kLargest = 128 << 10;
// A run is seen at its third file, and goes this many nodes ahead at first, twice as many each time that the
// reader has caught up. What is stored and not read costs about 10 us of processor time and its pages.
constexpr uint32_t kFirstWindow = 8, kLastWindow = 64;
constexpr uint64_t kBytesOfStep = 4 << 20;
// A reader leaves out links, directories and what it does not want.
constexpr uint32_t kGap = 16;
// The next file is about to be asked for anyway.
constexpr uint32_t kLead = 2;
constexpr size_t kMaxSteps = 8;

}  // namespace

SiblingReadahead::SiblingReadahead(const LowerTree& tree, int fuse_fd) : tree_(tree), fd_(fuse_fd) {}

// The reader that this continues, or the place of the one that was heard of least recently.
SiblingReadahead::Run& SiblingReadahead::RunOf(uint32_t node) {
  Run* oldest = &runs_[0];
  for (Run& run : runs_) {
    if (run.used != 0 && node > run.last &&
        node - run.last <= (std::max(run.until, run.last) - run.last) + kGap)
      return run;
    if (run.used < oldest->used) oldest = &run;
  }
  *oldest = {.last = kNoNode};
  return *oldest;
}

void SiblingReadahead::Note(uint32_t node) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (node < stored_.size() && stored_[node]) stored_.clear();  // the kernel has dropped pages: begin anew
  Run& run = RunOf(node);
  bool continues = run.last != kNoNode;
  run.used = ++clock_;
  run.last = node;
  if (!continues) return;
  if (run.window == 0) {
    run.window = kFirstWindow / 2;  // the second file; at the third it is a run
    return;
  }
  if (steps_.size() >= kMaxSteps) return;
  run.window = std::min(run.window * 2, kLastWindow);
  uint32_t limit = tree_.index().node_count();
  uint32_t from = std::min(std::max(run.until, node + kLead), limit);
  run.until = std::min(from + run.window, limit);
  if (from == run.until) return;
  steps_.push_back({from, run.until});
  if (!started_) StartThread();
  changed_.notify_one();
}

void SiblingReadahead::StartThread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto main = [](void* self) -> void* {
    static_cast<SiblingReadahead*>(self)->Work();
    return nullptr;
  };
  started_ = pthread_create(&thread_, &attributes, main, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (!started_) steps_.clear();
}

void SiblingReadahead::Work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (steps_.empty()) {
      changed_.wait(lock);
      continue;
    }
    Step step = steps_.front();
    steps_.erase(steps_.begin());
    std::vector<char> buffer;
    uint64_t bytes = 0;
    // One file in the middle is left to be asked for: the next step starts when the reader comes there.
    uint32_t marker = step.from + (step.until - step.from) / 2;
    for (uint32_t node = step.from; node < step.until && bytes < kBytesOfStep && !stopping_; ++node) {
      const IndexNode& file = tree_.index().node(node);
      if (!S_ISREG(file.mode) || file.size == 0 || file.size > kLargest) continue;
      if (node >= stored_.size()) stored_.resize(tree_.index().node_count());
      if (stored_[node]) continue;
      if (node >= marker) {
        marker = kNoNode;
        continue;
      }
      stored_[node] = true;
      lock.unlock();
      bool known = Store(node, buffer);
      bytes += file.size;
      lock.lock();
      if (!known) break;
    }
  }
}

// False: the kernel does not know the file, or the session is over.
bool SiblingReadahead::Store(uint32_t node, std::vector<char>& buffer) {
  const IndexNode& file = tree_.index().node(node);
  buffer.resize(std::max<size_t>(buffer.size(), file.size));
  if (tree_.Read(file, buffer.data(), file.size, 0) != 0) return true;
  fuse_notify_store_out store{};
  store.nodeid = LowerTree::InoOf(node);
  store.size = static_cast<uint32_t>(file.size);
  fuse_out_header header{};
  header.len = static_cast<uint32_t>(sizeof header + sizeof store + file.size);
  header.error = FUSE_NOTIFY_STORE;
  iovec parts[] = {{&header, sizeof header}, {&store, sizeof store}, {buffer.data(), file.size}};
  return writev(fd_, parts, 3) >= 0;
}

void SiblingReadahead::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (std::exchange(started_, false)) pthread_join(thread_, nullptr);
}

}  // namespace wolffia
