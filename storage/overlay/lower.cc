// Reading file contents of a Lower: the index says where the bytes lie, the tars hold them.
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "storage/overlay/lower_index.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();  // off_t

Result<> ReadTar(int tar, void* buffer, size_t size, uint64_t offset) {
  if (tar < 0) return Fail(Code::kCorrupt, "a file of the image is in a layer that does not exist");
  if (offset > kMaxOffset - size)
    return Fail(Code::kCorrupt, "a file of the image lies at an impossible offset");
  if (TRY(PreadFull(tar, buffer, size, static_cast<off_t>(offset))) != size)
    return Fail(Code::kCorrupt,
                "a layer's tar is shorter than its index says; `wolffia system check` tells which one");
  return {};
}

}  // namespace

Result<size_t> Lower::Read(const IndexNode& file, void* buffer, size_t size, uint64_t offset) const {
  if (!S_ISREG(file.mode)) return Fail(Code::kInvalid, "not a regular file");
  if (offset >= file.size) return 0;
  size = static_cast<size_t>(std::min<uint64_t>(size, file.size - offset));
  if ((file.flags & kNodeSparse) == 0) {
    if (file.data > kMaxOffset || offset > kMaxOffset)
      return Fail(Code::kCorrupt, "a file of the image lies at an impossible offset");
    TRY(ReadTar(tar(file.layer), buffer, size, file.data + offset));
    return size;
  }
  char* out = static_cast<char*>(buffer);
  memset(out, 0, size);
  auto extents = index_.Extents(file);
  uint64_t end = offset + size;
  auto at = std::partition_point(extents.begin(), extents.end(),
                                 [&](const IndexExtent& e) { return e.file_offset <= offset; });
  if (at != extents.begin()) --at;  // the one that starts at or before `offset` may reach into it
  for (; at != extents.end() && at->file_offset < end; ++at) {
    uint64_t from = std::max(at->file_offset, offset);
    uint64_t skip = from - at->file_offset;
    if (skip >= at->size) continue;
    uint64_t length = std::min(at->size - skip, end - from);
    if (at->tar_offset > kMaxOffset - skip)
      return Fail(Code::kCorrupt, "a file of the image lies at an impossible offset");
    TRY(ReadTar(tar(file.layer), out + (from - offset), static_cast<size_t>(length), at->tar_offset + skip));
  }
  return size;
}

Result<std::string> Lower::ReadFile(std::string_view path, size_t limit) const {
  const IndexNode& file = index_.node(TRY(index_.Resolve(path)));
  if (!S_ISREG(file.mode)) return Fail(Code::kInvalid, std::string(path) + ": not a regular file");
  if (file.size > limit)
    return Fail(Code::kInvalid, std::string(path) + ": larger than " + std::to_string(limit) + " bytes");
  std::string bytes(static_cast<size_t>(file.size), '\0');
  TRY_WITH(Read(file, bytes.data(), bytes.size(), 0), path);
  return bytes;
}

}  // namespace wolffia
