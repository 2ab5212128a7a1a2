// The derived indexes of layers and chains: read the bytes of a tar, write the index, tell a good one from
// none.
#pragma once

#include <string>
#include <string_view>

#include "storage/layer_writer.h"
#include "storage/tar_reader.h"

namespace wolffia {

// The index of a tar from its bytes in order.
class LayerIndexer {
 public:
  LayerIndexer() : reader_([this](LayerEntry entry) { return builder_.Add(std::move(entry)); }) {}
  LayerIndexer(const LayerIndexer&) = delete;
  LayerIndexer& operator=(const LayerIndexer&) = delete;
  Result<> Push(std::string_view bytes) {
    TRY(reader_.Push(bytes));
    builder_.Data(offset_, bytes);
    offset_ += bytes.size();
    return {};
  }
  Result<std::string> Finish() {
    TRY(reader_.Finish());
    return builder_.Finish();
  }

 private:
  IndexBuilder builder_;
  TarReader reader_;
  uint64_t offset_ = 0;
};

// A good index, or an error (kNotFound or kCorrupt where it has to be made again).
Result<LowerIndex> OpenLayerIndex(const Store& store, const Digest& diff_id);
Result<LowerIndex> OpenChainIndex(const Store& store, const Digest& chain_id, size_t layer_count);

// The bytes of a chain's index, from the indexes of its layers, which must exist.
Result<std::string> MergedIndex(const Store& store, const std::vector<Digest>& diff_ids);
Digest ChainIdOf(const std::vector<Digest>& diff_ids);

// Writes an index through a staging directory of its own.
Result<> PublishIndex(const Store& store, const std::string& path, std::string_view bytes);

}  // namespace wolffia
