#include "storage/gnu_sparse.h"

#include <limits>

#include "storage/tar_header.h"

namespace wolffia {
namespace {

std::unexpected<Error> Malformed(const char* what) {
  return Fail(Code::kCorrupt, std::string("the map of a sparse file ") + what);
}

}  // namespace

Result<std::vector<TarExtent>> SparseExtents(const SparseMap& map, int64_t size, uint64_t data_offset,
                                             int64_t stored) {
  if (map.size() % 2 != 0) return Malformed("ends in the middle");
  std::vector<TarExtent> extents;
  int64_t end = 0, used = 0;
  for (size_t i = 0; i < map.size(); i += 2) {
    int64_t offset = map[i], length = map[i + 1];
    if (offset < end || length < 0 || offset > size || length > size - offset)
      return Malformed("is out of order or passes its end");
    if (length > stored - used) return Malformed("wants more bytes than are there");
    auto tar_offset = data_offset + static_cast<uint64_t>(used);
    end = offset + length;
    used += length;
    if (length == 0) continue;
    auto [start, count] = std::pair(static_cast<uint64_t>(offset), static_cast<uint64_t>(length));
    if (!extents.empty() && extents.back().file_offset + extents.back().size == start) {
      extents.back().size += count;
    } else {
      extents.push_back({start, tar_offset, count});
    }
  }
  if (used != stored) return Malformed("leaves bytes over");
  return extents;
}

Result<> AddOldSparseBlock(std::string_view block, bool extension, size_t max_map, SparseMap& map,
                           bool& more) {
  size_t at = extension ? 0 : 386;
  size_t pairs = extension ? 21 : 4;
  for (size_t i = 0; i < pairs; ++i, at += 24) {
    if (block[at] == 0 || block[at + 12] == 0) break;  // an unused pair ends the block's list
    int64_t offset = 0, length = 0;
    if (!ParseTarNumber(block.substr(at, 12), offset) || !ParseTarNumber(block.substr(at + 12, 12), length))
      return Malformed("is not numbers");
    if (map.size() + 2 > max_map) return Malformed("has too many parts");
    map.insert(map.end(), {offset, length});
  }
  more = block[extension ? 504 : 482] != 0;
  return {};
}

Result<int64_t> OldSparseSize(std::string_view block) {
  int64_t size = 0;
  if (!ParseTarNumber(block.substr(483, 12), size) || size < 0) return Malformed("has no size");
  return size;
}

Result<bool> SparseMapLines::AddBlock(std::string_view block) {
  for (char c : block) {
    if (counted_ && missing_ == 0) return true;
    if (c != '\n') {
      if (c < '0' || c > '9' || __builtin_mul_overflow(number_, 10, &number_) ||
          __builtin_add_overflow(number_, c - '0', &number_))
        return Malformed("is not numbers");
      digits_ = true;
      continue;
    }
    if (!digits_) return Malformed("has an empty line");
    if (counted_) {
      map_.push_back(number_);
      --missing_;
    } else {
      if (static_cast<uint64_t>(number_) > max_map_ / 2) return Malformed("has too many parts");
      missing_ = static_cast<uint64_t>(number_) * 2;
      counted_ = true;
    }
    number_ = 0;
    digits_ = false;
  }
  return counted_ && missing_ == 0;
}

}  // namespace wolffia
