// IndexWriter: puts the sections of an index (index_format.h) together in memory, for the builder and the
// merge. The caller adds nodes from the root down and each directory's names in order, in one run; the writer
// keeps the counts that follow from them (nlink, content bytes) and lays out the file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/index_format.h"

namespace wolffia {

class IndexWriter {
 public:
  // `fields` gives attributes, and the first digest of a plain file; what else refers to a section, nlink and
  // parent are set by the calls below.
  // Node 0 is the root.
  uint32_t AddNode(IndexNode fields);
  // The names that follow belong to `directory`.
  void BeginDirectory(uint32_t directory);
  void AddDirent(std::string_view name, uint32_t child);
  void SetTarget(uint32_t symlink, std::string_view target);
  void SetExtents(uint32_t file, std::span<const IndexExtent> extents);  // with their first digests
  uint64_t AddDigests(std::span<const uint64_t> digests);               // the place of the first one
  void AddXattr(uint32_t node, std::string_view name, std::string_view value);  // all of a node in one run

  // The bytes of the index. kInvalid if the tree is larger than the format can say.
  Result<std::string> Finish(uint32_t layer_count, uint32_t flags);

 private:
  uint64_t AddString(std::string_view text);
  std::vector<IndexNode> nodes_;
  std::vector<IndexDirent> dirents_;
  std::vector<IndexXattr> xattrs_;
  std::vector<IndexExtent> extents_;
  std::vector<uint64_t> digests_;
  std::string strings_;
  uint32_t directory_ = 0;
};

}  // namespace wolffia
