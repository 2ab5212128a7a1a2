#include "storage/deferred_release.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wolffia {
namespace {

constexpr uint64_t kWorthIt = 4 << 20;
constexpr size_t kMaxFiles = 500;  // far below any limit on descriptors

bool PlentyOfSpace(int root) {
  struct statvfs st;
  return fstatvfs(root, &st) == 0 && st.f_bavail >= st.f_blocks / 10;
}

// In the child. Only system calls: other threads of the parent may hold any lock. Every descriptor but `keep`
// (sorted) is closed first: a lock that the parent holds must end with the parent, and nobody who reads its
// output to the end waits for us.
[[noreturn]] void Linger(const std::vector<int>& keep, int parent_closed) {
  unsigned first = 0;
  for (int fd : keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > first) close_range(first, kept - 1, 0);
    first = kept + 1;
  }
  close_range(first, ~0U, 0);
  char byte;
  while (read(parent_closed, &byte, 1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

DeferredRelease::DeferredRelease(const Store& store)
    : store_(store), plenty_of_space_(PlentyOfSpace(store.root())) {}

void DeferredRelease::Hold(const std::string& path, uint64_t bytes) {
  if (bytes < kWorthIt || !plenty_of_space_ || files_.size() >= kMaxFiles) return;
  auto file = OpenAt(store_.root(), path, O_RDONLY | O_NOFOLLOW);
  if (file) files_.push_back(std::move(*file));
}

DeferredRelease::~DeferredRelease() {
  if (files_.empty()) return;
  auto pipe = MakePipe();
  if (!pipe) return;
  std::vector<int> keep = {pipe->read.get()};
  for (const Fd& file : files_) keep.push_back(file.get());
  std::ranges::sort(keep);
  // Without an exit signal: no wait(2) for our other children ever sees it.
  if (syscall(SYS_clone, 0L, nullptr, nullptr, nullptr, 0L) == 0) Linger(keep, pipe->read.get());
  files_.clear();  // the child's are the last ones now; if there is none, the space is released here
}

}  // namespace wolffia
