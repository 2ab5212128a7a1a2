// Reading file contents of a Lower: the index says where the bytes lie, the tars hold them.
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "storage/overlay/chunk_digest.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();  // off_t

Result<> ReadTar(int tar, void* buffer, size_t size, uint64_t offset) {
  if (tar < 0) return Fail(Code::kCorrupt, "a file of the image is in a layer that does not exist");
  if (offset > kMaxOffset - size)
    return Fail(Code::kCorrupt, "a file of the image lies at an impossible offset");
  auto got = PreadFull(tar, buffer, size, static_cast<off_t>(offset));
  if (!got) return std::unexpected(got.error());
  if (*got != size)
    return Fail(Code::kCorrupt,
                "a layer's tar is shorter than its index says; `wolffia system check` tells which one");
  return {};
}

}  // namespace

// The chunks that the bytes touch, whole. Where they are more than what was asked for, they go through memory
// of their own.
Result<> Lower::ReadVerified(const Run& run, char* out, size_t size, uint64_t offset) const {
  const uint64_t first = offset / kChunkBytes;
  const uint64_t begin = first * kChunkBytes;
  const uint64_t end = std::min(run.size, ChunksOf(offset + size) * kChunkBytes);
  if (run.digests.size() < ChunksOf(end)) return Fail(Code::kCorrupt, "the index has no digests of a file");
  const auto length = static_cast<size_t>(end - begin);
  std::unique_ptr<char[]> whole;
  char* bytes = out;
  if (length != size) {
    whole.reset(new (std::nothrow) char[length]);
    if (whole == nullptr) return Fail(Code::kNoSpace, "no memory to verify a file of the image", ENOMEM);
    bytes = whole.get();
  }
  TRY(ReadTar(tar(run.layer), bytes, length, run.tar_offset + begin));
  for (uint64_t at = 0; at < length; at += kChunkBytes) {
    const std::string_view chunk(bytes + at, static_cast<size_t>(std::min(kChunkBytes, length - at)));
    if (ChunkDigest(chunk) != run.digests[static_cast<size_t>(first + at / kChunkBytes)])
      return Fail(Code::kCorrupt,
                  "its bytes from " + std::to_string(begin + at) + " on are not those that were pulled");
  }
  if (whole != nullptr) memcpy(out, bytes + (offset - begin), size);
  return {};
}

// `size` bytes, all inside the run.
Result<> Lower::ReadRun(const Run& run, char* out, size_t size, uint64_t offset) const {
  if (run.tar_offset > kMaxOffset || run.size > kMaxOffset - run.tar_offset)
    return Fail(Code::kCorrupt, "a file of the image lies at an impossible offset");
  if (size == 0) return {};
  if (verify_) return ReadVerified(run, out, size, offset);
  return ReadTar(tar(run.layer), out, size, run.tar_offset + offset);
}

Result<size_t> Lower::Read(const IndexNode& file, void* buffer, size_t size, uint64_t offset) const {
  if (!S_ISREG(file.mode)) return Fail(Code::kInvalid, "not a regular file");
  if (offset >= file.size) return 0;
  size = static_cast<size_t>(std::min<uint64_t>(size, file.size - offset));
  auto done = ReadRuns(file, static_cast<char*>(buffer), size, offset);
  if (!done && told_) told_(file, done.error().what);
  return done;
}

Result<size_t> Lower::ReadRuns(const IndexNode& file, char* out, size_t size, uint64_t offset) const {
  if ((file.flags & kNodeSparse) == 0) {
    TRY(ReadRun({file.layer, file.data, file.size, index_.Digests(file)}, out, size, offset));
    return size;
  }
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
    TRY(ReadRun({file.layer, at->tar_offset, at->size, index_.Digests(*at)}, out + (from - offset),
                static_cast<size_t>(length), skip));
  }
  return size;
}

Result<std::string> Lower::ReadFile(std::string_view path, size_t limit) const {
  const IndexNode& file = index_.node(TRY(index_.Resolve(path)));
  if (!S_ISREG(file.mode)) return Fail(Code::kInvalid, std::string(path) + ": not a regular file");
  if (file.size > limit)
    return Fail(Code::kInvalid, std::string(path) + ": larger than " + std::to_string(limit) + " bytes");
  std::string bytes(static_cast<size_t>(file.size), '\0');
  auto read = Read(file, bytes.data(), bytes.size(), 0);
  if (!read && read.error().code == Code::kCorrupt)
    read.error().what += "; to fetch the image's content again: wolffia system check --repair";
  TRY_WITH(std::move(read), path);
  return bytes;
}

}  // namespace wolffia
