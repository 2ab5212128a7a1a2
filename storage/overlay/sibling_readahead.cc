#include "storage/overlay/sibling_readahead.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <new>

#include "storage/overlay/request_reader.h"

namespace wolffia {
namespace {

// Larger files take several READs, which the kernel asks for ahead of the reader.
constexpr uint64_t kLargestFile = 128 << 10;
// What one reader waits for at most, beside its own file.
constexpr uint32_t kFirstBatch = 2;
constexpr uint32_t kLargestBatch = 32;
constexpr size_t kMostBytes = 512 << 10;
// Links, directories and large files lie between the small ones.
constexpr uint32_t kNodesForAFile = 4;
// A node so far behind what was stored still belongs to the run.
constexpr uint32_t kSlack = 16;

struct StoreMessage {
  fuse_out_header header;
  fuse_notify_store_out store;
};

// False: the kernel does not know the inode yet, or the file system is gone.
bool Store(int fd, uint64_t ino, char* bytes, size_t size) {
  StoreMessage message{};
  message.header.len = static_cast<uint32_t>(sizeof message + size);
  message.header.error = FUSE_NOTIFY_STORE;  // with unique 0: a message of ours
  message.store.nodeid = ino;
  message.store.size = static_cast<uint32_t>(size);
  iovec parts[] = {{&message, sizeof message}, {bytes, size}};
  return writev(fd, parts, 2) >= 0;
}

}  // namespace

void SiblingReadahead::Before(const FuseRequest& read, const LowerTree& tree) {
  const IndexNode* file = tree.Node(read.header->nodeid);
  if (file == nullptr || !S_ISREG(file->mode) || read.As<fuse_read_in>().offset != 0) return;
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  if (reader_ != read.header->pid) {
    runs_ = {};
    reader_ = read.header->pid;
  }
  auto node = static_cast<uint32_t>(read.header->nodeid - 1);
  if (Run* run = RunOf(node)) {
    run->last = node;
    if (OthersCanRead(read)) StoreAfter(*run, read, tree);
  } else {
    runs_[oldest_++ % runs_.size()] = {.last = node, .stored = node + 1, .batch = kFirstBatch};
  }
}

SiblingReadahead::Run* SiblingReadahead::RunOf(uint32_t node) {
  auto of = [node](const Run& r) { return r.last != 0 && node > r.last && node < r.stored + kSlack; };
  auto at = std::ranges::find_if(runs_, of);
  return at != runs_.end() ? &*at : nullptr;
}

void SiblingReadahead::StoreAfter(Run& run, const FuseRequest& read, const LowerTree& tree) {
  if (buffer_ == nullptr) buffer_.reset(new (std::nothrow) char[kLargestFile]);
  if (buffer_ == nullptr) return;
  uint32_t node = std::max(run.last + 1, run.stored);
  uint32_t end = std::min(tree.index().node_count(), node + run.batch * kNodesForAFile);
  size_t bytes = 0;
  for (uint32_t files = 0; node < end && files < run.batch && bytes < kMostBytes; ++node) {
    const IndexNode& file = tree.index().node(node);
    if (!S_ISREG(file.mode) || file.size == 0 || file.size > kLargestFile) continue;
    auto size = static_cast<size_t>(file.size);
    if (tree.Read(file, buffer_.get(), size, 0) != 0) break;
    if (!Store(read.fd, LowerTree::InoOf(node), buffer_.get(), size)) break;
    bytes += size;
    ++files;
  }
  run.stored = node;
  run.batch = std::min(run.batch * 2, kLargestBatch);
}

}  // namespace wolffia
