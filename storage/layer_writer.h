// LayerWriter: takes the uncompressed bytes of one layer, once, in order: writes the tar, hashes it and
// builds its index on the way, so that a layer is read only once. In library wolffia_layer_writer (links
// libcrypto).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "storage/blob_store.h"

namespace wolffia {

struct LayerLimits {
  uint64_t bytes = uint64_t{64} << 30;  // uncompressed, of one layer: `pull.max_layer_size`
};

class LayerWriter {
 public:
  static Result<std::unique_ptr<LayerWriter>> Begin(const Store& store, const Staging& staging,
                                                    LayerLimits limits);
  virtual ~LayerWriter() = default;
  // kNoSpace past the limit (a decompression bomb) or on a full disk; kCorrupt for a malformed tar.
  virtual Result<> Write(std::string_view bytes) = 0;
  // The end: verifies the diff-id (where one is expected), writes the index, gives tar and index their final
  // names. Returns the diff-id. kCorrupt if it differs; then nothing gets a name.
  // Where none is expected, the staging directory pins it.
  virtual Result<Digest> Commit(const std::optional<Digest>& expected) = 0;
};

// Makes a layer's index again from its tar, and a chain's from its layers' (kNotFound if a tar is missing).
// Both are no-ops if a good index exists already. `diff_ids` lowest first; returns the chain-id.
Result<> EnsureLayerIndex(const Store& store, const Digest& diff_id);
Result<Digest> EnsureChainIndex(const Store& store, const std::vector<Digest>& diff_ids);

}  // namespace wolffia
