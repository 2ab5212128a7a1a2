// LowerIndex: an index file (index_format.h), mapped and checked. Lookups touch only the mapping. Immutable, shared by
// threads without locks; spans and string_views live as long as the object.
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

class LowerIndex {
 public:
  // Maps and checks the file: magic, section sizes, every offset, run, node number and name. kCorrupt otherwise.
  static Result<LowerIndex> Open(int dirfd, const std::string& path);
  // The same for bytes in memory (tests, fuzzing, and a merge that was not written out).
  static Result<LowerIndex> FromBytes(std::string bytes);

  LowerIndex(LowerIndex&&) noexcept;
  LowerIndex& operator=(LowerIndex&&) noexcept;
  ~LowerIndex();

  const IndexHeader& header() const { return *header_; }
  uint32_t node_count() const { return header_->node_count; }
  const IndexNode& node(uint32_t n) const { return nodes_[n]; }  // n < node_count()
  bool has_xattrs() const { return (header_->flags & kIndexHasXattrs) != 0; }
  bool is_chain() const { return (header_->flags & kIndexIsChain) != 0; }

  std::span<const IndexDirent> Dirents(const IndexNode& directory) const;
  std::string_view Name(const IndexDirent& d) const { return {strings_ + d.name_offset, d.name_size}; }
  std::string_view Target(const IndexNode& symlink) const { return {strings_ + symlink.data, symlink.size}; }
  std::span<const IndexXattr> Xattrs(const IndexNode& n) const;
  std::string_view XattrName(const IndexXattr& x) const { return {strings_ + x.name_offset, x.name_size}; }
  std::string_view XattrValue(const IndexXattr& x) const { return {strings_ + x.value_offset, x.value_size}; }
  std::span<const IndexExtent> Extents(const IndexNode& sparse) const;

  // Binary search in a directory; kNoNode if there is no such name or `directory` is not one.
  uint32_t Lookup(uint32_t directory, std::string_view name) const;

  // Resolves a path as the kernel would with this tree as "/": symlinks followed (at most 40), ".." never above the
  // root. kNotFound, or kInvalid for a loop.
  Result<uint32_t> Resolve(std::string_view path, bool follow_last = true) const;

 private:
  LowerIndex() = default;
  Result<> Check(const char* data, size_t size);
  const char* mapping_ = nullptr;
  size_t mapped_ = 0;      // 0: bytes_ holds the data
  std::unique_ptr<std::string> bytes_;
  const IndexHeader* header_ = nullptr;
  const IndexNode* nodes_ = nullptr;
  const IndexDirent* dirents_ = nullptr;
  const IndexXattr* xattrs_ = nullptr;
  const IndexExtent* extents_ = nullptr;
  const char* strings_ = nullptr;
};

// Lower: an index and the layer tars that hold its bytes: a tree that can be read. Thread-safe.
class Lower {
 public:
  Lower(LowerIndex index, std::vector<Fd> tars) : index_(std::move(index)), tars_(std::move(tars)) {}
  const LowerIndex& index() const { return index_; }
  // Reads at most `size` bytes of a regular file at `offset`; fewer only at its end. Holes read as zeros. A tar that is
  // too short is kCorrupt.
  Result<size_t> Read(const IndexNode& file, void* buffer, size_t size, uint64_t offset) const;
  // Whole file by path (symlinks followed inside the tree), for passwd, group and the like; kInvalid over `limit`.
  Result<std::string> ReadFile(std::string_view path, size_t limit) const;
  int tar(uint16_t layer) const { return tars_[layer].get(); }
  size_t tar_count() const { return tars_.size(); }

 private:
  LowerIndex index_;
  std::vector<Fd> tars_;
};

}  // namespace wolffia
