// LowerIndex: an index file (index_format.h), mapped. Lookups touch only the mapping. Immutable, shared by
// threads without locks; spans and string_views live as long as the object.
//
// No accessor leaves the mapping, whatever the bytes say: each one checks the reference that it follows and
// answers with something empty (node(): the root) where that is out of bounds. So opening needs to look at
// the header alone, and a run touches only the pages of the files that it uses. What bounds cannot give -
// that the directories are a tree, that names are valid and sorted - is checked by IndexCheck::kFull, in one
// pass over everything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fd.h"
#include "storage/overlay/index_format.h"

namespace wolffia {

enum class IndexCheck {
  kBounds,  // magic and section sizes: for the run path, where the index is our own file in a store that only
            // we write. Bad bytes then show as wrong names or EIO, never as a crash; who walks the tree must
            // bound its own depth
  kSealed,  // also the checksum of the whole; the file is read into memory once, so that what was checked is
            // what is used
  kFull,    // the checksum, every reference, name and run, and that the directories are a tree: for whoever
            // walks or merges
};

class LowerIndex {
 public:
  // Maps and checks the file; kCorrupt if it is malformed.
  static Result<LowerIndex> Open(int dirfd, const std::string& path, IndexCheck check = IndexCheck::kFull);
  // The same for bytes in memory (tests, fuzzing, and a merge that was not written out).
  static Result<LowerIndex> FromBytes(std::string bytes, IndexCheck check = IndexCheck::kFull);

  LowerIndex(LowerIndex&&) noexcept;
  LowerIndex& operator=(LowerIndex&&) noexcept;
  ~LowerIndex();

  const IndexHeader& header() const { return header_; }
  uint32_t node_count() const { return header_.node_count; }
  const IndexNode& node(uint32_t n) const { return nodes_[n < header_.node_count ? n : 0]; }
  bool has_xattrs() const { return (header_.flags & kIndexHasXattrs) != 0; }
  bool has_digests() const { return (header_.flags & kIndexHasDigests) != 0; }
  bool is_chain() const { return (header_.flags & kIndexIsChain) != 0; }

  std::span<const IndexDirent> Dirents(const IndexNode& directory) const;
  std::string_view Name(const IndexDirent& d) const { return Text(d.name_offset, d.name_size); }
  std::string_view Target(const IndexNode& symlink) const { return Text(symlink.data, symlink.size); }
  std::span<const IndexXattr> Xattrs(const IndexNode& n) const;
  std::span<const IndexXattr> AllXattrs() const { return {xattrs_, header_.xattr_count}; }
  std::string_view XattrName(const IndexXattr& x) const { return Text(x.name_offset, x.name_size); }
  std::string_view XattrValue(const IndexXattr& x) const { return Text(x.value_offset, x.value_size); }
  std::span<const IndexExtent> Extents(const IndexNode& sparse) const;
  // Of the chunks of a plain file, or of an extent.
  std::span<const uint64_t> Digests(const IndexNode& plain) const;
  std::span<const uint64_t> Digests(const IndexExtent& extent) const;

  // A name of the node, from the root, without a leading slash; "" if it has none. Looks at every directory.
  std::string PathOf(const IndexNode& node) const;

  // Binary search in a directory; kNoNode if there is no such name or `directory` is not one.
  uint32_t Lookup(uint32_t directory, std::string_view name) const;

  // Resolves a path as the kernel would with this tree as "/": symlinks followed (at most 40), ".." never
  // above the root. kNotFound, or kInvalid for a loop.
  Result<uint32_t> Resolve(std::string_view path, bool follow_last = true) const;

 private:
  LowerIndex() = default;
  Result<> Attach(const char* data, size_t size, IndexCheck check);
  std::string_view Text(uint64_t offset, uint64_t size) const {
    if (offset > header_.strings_size || size > header_.strings_size - offset) return {};
    return {strings_ + offset, size};
  }
  void Unmap();

  const char* mapping_ = nullptr;
  size_t mapped_ = 0;  // 0: bytes_ holds the data
  std::unique_ptr<std::string> bytes_;
  IndexHeader header_{};  // a copy: the checked counts stay what they were
  const IndexNode* nodes_ = nullptr;
  const IndexDirent* dirents_ = nullptr;
  const IndexXattr* xattrs_ = nullptr;
  const IndexExtent* extents_ = nullptr;
  const uint64_t* digests_ = nullptr;
  const char* strings_ = nullptr;
};

// Lower: an index and the layer tars that hold its bytes: a tree that can be read. Thread-safe.
//
// Where reads are verified, no byte of a file is given out that was not compared with its digest, in the
// same memory: whole chunks are read and checked each time, so that no cache below can come between. What the
// kernel keeps of an answer is the answer.
class Lower {
 public:
  Lower(LowerIndex index, std::vector<Fd> tars) : index_(std::move(index)), tars_(std::move(tars)) {}
  // Both before it is shared. Damage: told of each file with bytes that are not what they were, as often as
  // it is read, from any thread.
  void VerifyReads() { verify_ = true; }
  void WhenDamaged(std::function<void(const IndexNode& file, const std::string& what)> told) {
    told_ = std::move(told);
  }
  bool verifies_reads() const { return verify_; }
  const LowerIndex& index() const { return index_; }
  // Reads at most `size` bytes of a regular file at `offset`; fewer only at its end. Holes read as zeros. A
  // tar that is too short is kCorrupt, and so are bytes that fail their verification.
  Result<size_t> Read(const IndexNode& file, void* buffer, size_t size, uint64_t offset) const;
  // Whole file by path (symlinks followed inside the tree), for passwd, group and the like; kInvalid over
  // `limit`.
  Result<std::string> ReadFile(std::string_view path, size_t limit) const;
  // The descriptor of a layer's tar; -1 if there is no such layer.
  int tar(uint16_t layer) const { return layer < tars_.size() ? tars_[layer].get() : -1; }
  size_t tar_count() const { return tars_.size(); }

 private:
  // Consecutive bytes in a tar.
  struct Run {
    uint16_t layer = 0;
    uint64_t tar_offset = 0, size = 0;
    std::span<const uint64_t> digests;
  };
  Result<size_t> ReadRuns(const IndexNode& file, char* out, size_t size, uint64_t offset) const;
  Result<> ReadRun(const Run& run, char* out, size_t size, uint64_t offset) const;
  Result<> ReadVerified(const Run& run, char* out, size_t size, uint64_t offset) const;

  LowerIndex index_;
  std::vector<Fd> tars_;
  bool verify_ = false;
  std::function<void(const IndexNode&, const std::string&)> told_;
};

}  // namespace wolffia
