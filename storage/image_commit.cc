#include "storage/image_commit.h"

#include "engine/base/context.h"
#include "engine/oci/hasher.h"
#include "storage/layer_writer.h"

namespace wolffia {

Result<ImageRecord> CommitImage(const Store& store, const Staging& staging, const ImageConfig& config,
                                const std::string& name, int64_t now_ns, const ImageVerdict& verdict) {
  BlobStore blobs(store);
  const std::string config_text = SerializeImageConfig(config);
  ImageRecord record{.name = name,
                     .config = Sha256Of(config_text),
                     .diff_ids = config.diff_ids,
                     .created_ns = ParseTime(config.created).value_or(now_ns),
                     .pulled_ns = now_ns,
                     .platform = config.platform,
                     .verdict = verdict};
  Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json"};
  manifest.config = {.media_type = "application/vnd.oci.image.config.v1+json",
                     .digest = record.config,
                     .size = static_cast<int64_t>(config_text.size())};
  for (const Digest& diff_id : config.diff_ids) {
    TRY(EnsureLayerIndex(store, diff_id));
    const int64_t size = TRY(blobs.Size(diff_id));
    manifest.layers.push_back(
        {.media_type = "application/vnd.oci.image.layer.v1.tar", .digest = diff_id, .size = size});
    record.size += size;
  }
  const std::string manifest_text = SerializeManifest(manifest);
  record.manifest = Sha256Of(manifest_text);
  TRY(staging.Pin(record.config));
  TRY(staging.Pin(record.manifest));
  TRY(blobs.Put(staging, config_text, record.config));
  TRY(blobs.Put(staging, manifest_text, record.manifest));
  record.chain = TRY(EnsureChainIndex(store, record.diff_ids));
  TRY(ImageStore(store).Save(record));
  return record;
}

}  // namespace wolffia
