#include "engine/runtime/counters_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "engine/base/file.h"

namespace wolffia {

Result<FuseCounts*> MapCounters(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW;
  auto file = Open(path, kFlags, 0600);
  if (!file && file.error().os_errno == ENOENT) {
    TRY(MakeDirectories(SplitPath(path).first));
    file = Open(path, kFlags, 0600);
  }
  Fd fd = TRY(std::move(file));
  // Blocks now: a full file system would else be a SIGBUS later.
  if (int error = posix_fallocate(fd.get(), 0, sizeof(FuseCounts)); error != 0)
    return FailErrno("make " + path, error);
  void* memory = mmap(nullptr, sizeof(FuseCounts), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return FailErrno("map " + path);
  return static_cast<FuseCounts*>(memory);
}

Result<std::vector<FuseCounter>> ReadCounters(const std::string& path) {
  std::string bytes = TRY(ReadFile(path, sizeof(FuseCounts)));
  bytes.resize(sizeof(FuseCounts));  // one that was just made
  FuseCounts counts;
  for (size_t i = 0; i < kFuseOpcodes; i++) {
    uint64_t count;
    std::memcpy(&count, bytes.data() + i * sizeof count, sizeof count);
    counts.by_opcode[i].store(count, std::memory_order_relaxed);
  }
  return NamedCounters(counts);
}

}  // namespace wolffia
