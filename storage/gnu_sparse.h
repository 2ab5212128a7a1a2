// Sparse files as GNU tar stores them: a map of (offset, length) pairs that says where the stored bytes,
// which follow each other in the tar, belong in the file. Three spellings: blocks of the old GNU header, pax
// records (pax.h), and decimal lines before the data (pax 1.0).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/index_builder.h"

namespace wolffia {

// offset, length, offset, length...
using SparseMap = std::vector<int64_t>;

// Where the bytes are, given that they start at `data_offset` of the tar and are `stored` in number. Empty
// parts are dropped, touching ones joined. kCorrupt if the map is not in order, passes `size`, or is not
// about `stored` bytes.
Result<std::vector<TarExtent>> SparseExtents(const SparseMap& map, int64_t size, uint64_t data_offset,
                                             int64_t stored);

// Adds the pairs of an old GNU header block (4 of them at 386) or of one of its extension blocks (21 at 0).
// `more`: an extension block follows.
Result<> AddOldSparseBlock(std::string_view block, bool extension, size_t max_map, SparseMap& map,
                           bool& more);
// The size of the file with its holes, in the old GNU header.
Result<int64_t> OldSparseSize(std::string_view block);

// The map of pax 1.0, block by block: the number of pairs, then each number, one a line, padded to a block.
class SparseMapLines {
 public:
  explicit SparseMapLines(size_t max_map) : max_map_(max_map) {}
  // True when the map is complete; the data follow the block.
  Result<bool> AddBlock(std::string_view block);
  const SparseMap& map() const { return map_; }

 private:
  size_t max_map_;
  bool counted_ = false, digits_ = false;
  int64_t number_ = 0;
  uint64_t missing_ = 0;  // numbers
  SparseMap map_;
};

}  // namespace wolffia
