#include "storage/layer_index.h"

#include <fcntl.h>

#include "engine/oci/hasher.h"
#include "storage/content.h"

namespace wolffia {
namespace {

constexpr size_t kReadSize = 1 << 20;

Result<std::string> IndexOfTar(const Store& store, const Digest& diff_id) {
  Fd tar = TRY(BlobStore(store).Open(diff_id));
  posix_fadvise(tar.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  LayerIndexer indexer;
  std::string buffer(kReadSize, 0);
  for (;;) {
    const size_t n = TRY_WITH(ReadFull(tar.get(), buffer.data(), buffer.size()), "layer " + diff_id.str());
    TRY_WITH(indexer.Push({buffer.data(), n}), "layer " + diff_id.str());
    if (n < buffer.size()) return indexer.Finish().With("layer " + diff_id.str());
  }
}

Result<LowerIndex> OpenIndex(const Store& store, const std::string& path, bool is_chain, size_t layer_count) {
  LowerIndex index = TRY(WithContent(store, path, [&] { return LowerIndex::Open(store.root(), path); }));
  if (index.is_chain() != is_chain || index.header().layer_count != layer_count)
    return Fail(Code::kCorrupt, path + " is the index of something else");
  if (!index.has_digests()) return Fail(Code::kCorrupt, path + " has no digests");
  return index;
}

bool MustBeMade(const Error& error) {
  return error.code == Code::kNotFound || error.code == Code::kCorrupt;
}

}  // namespace

Result<LowerIndex> OpenLayerIndex(const Store& store, const Digest& diff_id) {
  return OpenIndex(store, Store::LayerIndexPath(diff_id), false, 1);
}

Result<LowerIndex> OpenChainIndex(const Store& store, const Digest& chain_id, size_t layer_count) {
  return OpenIndex(store, Store::ChainIndexPath(chain_id), true, layer_count);
}

Digest ChainIdOf(const std::vector<Digest>& diff_ids) {
  Digest chain;
  for (const Digest& diff_id : diff_ids) chain = ChainId(chain, diff_id);
  return chain;
}

Result<> PublishIndex(const Store& store, const std::string& path, std::string_view bytes) {
  Staging staging = TRY(Staging::Begin(store));
  TRY_WITH(CreateFileAt(staging.dirfd(), "index", bytes, 0600), path);
  return PublishFile(store, staging.dirfd(), "index", path);
}

Result<std::string> MergedIndex(const Store& store, const std::vector<Digest>& diff_ids) {
  std::vector<LowerIndex> layers;
  for (const Digest& diff_id : diff_ids) layers.push_back(TRY(OpenLayerIndex(store, diff_id)));
  std::vector<const LowerIndex*> pointers;
  for (const LowerIndex& layer : layers) pointers.push_back(&layer);
  return MergeLayers(pointers);
}

Result<> EnsureLayerIndex(const Store& store, const Digest& diff_id) {
  auto good = OpenLayerIndex(store, diff_id);
  if (good) return {};
  if (!MustBeMade(good.error())) return std::unexpected(good.error());
  return PublishIndex(store, Store::LayerIndexPath(diff_id), TRY(IndexOfTar(store, diff_id)));
}

Result<Digest> EnsureChainIndex(const Store& store, const std::vector<Digest>& diff_ids) {
  const Digest chain = ChainIdOf(diff_ids);
  if (chain.empty()) return Fail(Code::kInvalid, "an image without layers has no file system");
  auto good = OpenChainIndex(store, chain, diff_ids.size());
  if (good) return chain;
  if (!MustBeMade(good.error())) return std::unexpected(good.error());
  for (const Digest& diff_id : diff_ids) TRY(EnsureLayerIndex(store, diff_id));
  TRY(PublishIndex(store, Store::ChainIndexPath(chain), TRY(MergedIndex(store, diff_ids))));
  return chain;
}

}  // namespace wolffia
