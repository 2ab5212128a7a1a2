// ContentDigests: the digests of a layer's files (index_format.h), made from the bytes of its tar as they
// pass. Runs of bytes are announced in the order of the tar, before their bytes come; each gets the place of
// its first digest at once.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/chunk_digest.h"

namespace wolffia {

class ContentDigests {
 public:
  // kInvalid if there are more than an index can hold.
  Result<uint64_t> Expect(uint64_t tar_offset, uint64_t size);
  // Bytes that belong to no run are passed over.
  void Pass(uint64_t tar_offset, std::string_view bytes);
  // All of them; none if not every byte of every run has passed.
  std::vector<uint64_t> Take(bool* complete);

 private:
  struct Run {
    uint64_t next, end;  // in the tar
    uint64_t in_chunk = 0;
  };
  void Hash(Run& run, std::string_view bytes);

  std::deque<Run> runs_;
  ChunkHasher hasher_;
  std::vector<uint64_t> digests_;
  uint64_t expected_ = 0;
  bool gap_ = false;
};

}  // namespace wolffia
