// PageBuffer: memory of a fixed size that costs only the pages that were written, and nothing after Release.
// Not malloc: an idle monitor keeps what malloc has grown to.
#pragma once

#include <sys/mman.h>

#include <cstddef>

namespace wolffia {

template <size_t kSize>
class PageBuffer {
 public:
  PageBuffer() = default;
  PageBuffer(const PageBuffer&) = delete;
  ~PageBuffer() {
    if (data_ != nullptr) munmap(data_, kSize);
  }

  static constexpr size_t size() { return kSize; }
  // nullptr if there is no memory.
  char* data() {
    if (data_ != nullptr) return data_;
    void* mapped = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped != MAP_FAILED) data_ = static_cast<char*>(mapped);
    return data_;
  }
  // What is in it is lost.
  void Release() {
    if (data_ != nullptr) madvise(data_, kSize, MADV_DONTNEED);
  }

 private:
  char* data_ = nullptr;
};

}  // namespace wolffia
