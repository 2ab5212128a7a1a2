// What our two FUSE servers answer with alike: what the kernel may remember and why it may, memory for
// replies, the protocol of getxattr.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "storage/overlay/fuse_session.h"

namespace wolffia {

// Names (those that are missing too) and attributes change only by way of the kernel that remembers them: the
// lower is immutable, an upper has one writer. 30 years, in seconds.
inline constexpr double kForever = 1e9;
// So pages stay cached over opens, as do directories (one READDIRPLUS for each) and link targets.
inline constexpr unsigned kCacheCapabilities = FUSE_CAP_CACHE_SYMLINKS;
// There is no state of an open file, so OPEN and OPENDIR are answered ENOSYS once, which the kernel takes as
// "always succeeds, keep the cache" and never asks again.
inline constexpr unsigned kStatelessCapabilities = FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT;
// Reads run side by side: our locks let them.
inline constexpr unsigned kParallelCapabilities = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO;
// Lookups in one directory, too. libfuse 3.14 has a capability for it, and does not tell the kernel.
inline constexpr uint32_t kSharedInitFlags = FUSE_PARALLEL_DIROPS;
// Whoever lists a directory looks at its entries next (overlayfs always does): attributes come with the
// names. Without READDIRPLUS_AUTO the kernel does not guess.
inline constexpr unsigned kListingCapabilities = FUSE_CAP_READDIRPLUS;
inline constexpr unsigned kSharedCapabilities =
    kCacheCapabilities | kStatelessCapabilities | kParallelCapabilities | kListingCapabilities;
// The kernel takes the smaller one of this and its own.
inline constexpr unsigned kMaxReadahead = 1 << 20;
// Largest read that is answered, the protocol's limit (256 pages). Reads are copied through memory: splicing
// them from a file took as much processor time or more at every size, and more system calls.
inline constexpr size_t kMaxRead = 1 << 20;
// A thread keeps its reply buffer up to this size between requests: what the kernel's readahead asks for.
inline constexpr size_t kKeptReply = 128 << 10;
// A listing is asked for in pieces of this size at most.
inline constexpr size_t kMaxListing = 64 << 10;

// Memory of one thread for its replies.
class ReplyBuffer {
 public:
  ~ReplyBuffer() { free(memory_); }
  // nullptr if there is no memory. Valid until the next call.
  char* Get(size_t size) {
    if (size <= size_ && memory_ != nullptr) return memory_;
    free(memory_);
    memory_ = static_cast<char*>(malloc(std::max<size_t>(size, 1)));
    size_ = memory_ != nullptr ? size : 0;
    return memory_;
  }
  void Trim() {
    if (size_ <= kKeptReply) return;
    free(std::exchange(memory_, nullptr));
    size_ = 0;
  }

 private:
  char* memory_ = nullptr;
  size_t size_ = 0;
};
inline thread_local ReplyBuffer reply_buffer;

// A value or list of names, by the protocol of getxattr(2): size 0 asks how long it is.
inline void ReplyXattr(fuse_req_t req, std::string_view value, size_t size) {
  if (size == 0)
    fuse_reply_xattr(req, value.size());
  else if (value.size() > size)
    fuse_reply_err(req, ERANGE);
  else
    fuse_reply_buf(req, value.data(), value.size());
}

// Whether a server of ours need not be asked to open a directory. Where the kernel does ask (before 5.1), the
// answer is the same each time.
inline void ReplyOpenDir(fuse_req_t req, fuse_file_info* fi, bool stateless) {
  if (stateless) {
    fuse_reply_err(req, ENOSYS);
    return;
  }
  fi->cache_readdir = fi->keep_cache = 1;
  fuse_reply_open(req, fi);
}

}  // namespace wolffia
