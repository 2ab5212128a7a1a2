// IndexBuilder: collects the entries of one layer in tar order and writes its index. Applies the rules that make a
// layer a tree: later entries replace earlier ones, missing parents are implied, ".wh." names become whiteouts,
// ".wh..wh..opq" makes a directory opaque, a hard link shares the node of an entry of the same layer, or is recorded
// to be found in the layers below when they are merged. Hostile input is refused or clamped, never trusted; the rules
// are listed in the .cc file beside the peers' behaviour.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

struct TarExtent {
  uint64_t file_offset, tar_offset, size;
  uint64_t first_digest = 0;  // the builder's
};

// One entry of a layer's tar, as the tar reader delivers it.
struct LayerEntry {
  std::string path;        // as in the tar; cleaned by the builder
  uint32_t mode = 0;       // type and permissions
  uint32_t uid = 0, gid = 0;
  uint64_t size = 0;
  int64_t mtime_sec = 0;
  uint32_t mtime_nsec = 0;
  uint64_t data_offset = 0;         // of its bytes in the uncompressed tar
  std::vector<TarExtent> extents;   // sparse files only
  uint64_t first_digest = 0;        // the builder's
  bool sparse = false;
  uint64_t rdev = 0;
  bool hard_link = false;           // link_target names an earlier entry
  std::string link_target;          // symlink or hard link
  std::vector<std::pair<std::string, std::string>> xattrs;
};

class IndexBuilder {
 public:
  IndexBuilder();
  ~IndexBuilder();
  Result<> Add(LayerEntry entry);
  // Bytes of the tar, in order, each after the entry that they belong to: their digests are kept. Without any
  // of them the index has none.
  void Data(uint64_t tar_offset, std::string_view bytes);
  // The bytes of the layer's index.
  Result<std::string> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Merges layers, lowest first, into the index of their chain: pure. `layers` are layer indexes that passed the full
// check. A hard link whose target is in a lower layer is resolved here; to nothing: kInvalid.
Result<std::string> MergeLayers(const std::vector<const LowerIndex*>& layers);

}  // namespace wolffia
