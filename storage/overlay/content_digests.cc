#include "storage/overlay/content_digests.h"

#include <algorithm>

#include "storage/overlay/index_format.h"

namespace wolffia {

Result<uint64_t> ContentDigests::Expect(uint64_t tar_offset, uint64_t size) {
  const uint64_t first = expected_;
  if (ChunksOf(size) >= kNoNode - expected_)
    return Fail(Code::kInvalid, "the layer's files are larger than an index can say");
  expected_ += ChunksOf(size);
  if (size > 0) runs_.push_back({tar_offset, tar_offset + size});
  return first;
}

void ContentDigests::Pass(uint64_t tar_offset, std::string_view bytes) {
  const uint64_t end = tar_offset + bytes.size();
  while (!runs_.empty() && runs_.front().next < end) {
    Run& run = runs_.front();
    if (run.next < tar_offset) {  // its bytes did not come
      gap_ = true;
      runs_.clear();
      return;
    }
    const uint64_t taken = std::min(run.end, end) - run.next;
    Hash(run, bytes.substr(static_cast<size_t>(run.next - tar_offset), static_cast<size_t>(taken)));
    if (run.next == run.end) runs_.pop_front();
  }
}

void ContentDigests::Hash(Run& run, std::string_view bytes) {
  while (!bytes.empty()) {
    const uint64_t left = std::min(kChunkBytes - run.in_chunk, run.end - run.next);
    const std::string_view piece = bytes.substr(0, static_cast<size_t>(left));
    bytes.remove_prefix(piece.size());
    run.next += piece.size();
    if (piece.size() < left) {
      hasher_.Update(piece);
      run.in_chunk += piece.size();
    } else if (run.in_chunk == 0) {
      digests_.push_back(ChunkDigest(piece));
    } else {
      hasher_.Update(piece);
      digests_.push_back(hasher_.Finish());
      run.in_chunk = 0;
    }
  }
}

std::vector<uint64_t> ContentDigests::Take(bool* complete) {
  *complete = !gap_ && runs_.empty();
  return *complete ? std::move(digests_) : std::vector<uint64_t>();
}

}  // namespace wolffia
