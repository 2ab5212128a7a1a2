#include "engine/registry/image_import.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <system_error>
#include <thread>

#include "engine/oci/hasher.h"
#include "engine/registry/layer_import.h"

namespace wolffia {
namespace {

// Enough for two of the largest windows that encoders use by default; with it a pull of four layers stays
// below 64 MiB.
constexpr uint64_t kWindowBytes = uint64_t{16} << 20;

// A dozen threads with a heap each, which never give anything back, are half of a pull's memory. One heap is
// enough: the buffers go round; and what is large goes back to the kernel at once. [six layers: 57 MiB, with
// this 47; same time]
void KeepHeapSmall() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

Result<> CheckPlatform(const ImageImport& import, const Platform& offered) {
  if (offered.architecture.empty() || import.platform.Accepts(offered)) return {};
  std::string what = "the image is for " + offered.str() + ", not for " + import.platform.str();
  if (import.require_platform)
    return Fail(Code::kInvalid, what + ": use --platform " + offered.str() + " to have it all the same");
  import.context.Warn(what + ": its programs may not run here");
  return {};
}

// The layers to fetch: each diff-id once, however often the image has it; what is there already is only
// reported.
std::vector<size_t> MissingLayers(const ImageImport& import, const SourceImage& image) {
  BlobStore blobs(import.store);
  std::vector<size_t> missing;
  std::set<Digest> seen;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const Digest& diff_id = image.parsed.diff_ids[i];
    if (!seen.insert(diff_id).second) continue;
    if (!blobs.Has(diff_id) || (import.broken != nullptr && import.broken->contains(diff_id))) {
      missing.push_back(i);
      continue;
    }
    const Digest& shown = image.layers[i].digest.empty() ? diff_id : image.layers[i].digest;
    import.progress.Report({.kind = ProgressEvent::kLayerExists, .subject = shown.str()});
  }
  return missing;
}

Result<> FetchOne(const ImageImport& import, ImageSource& source, const SourceImage& image, size_t index,
                  const Staging& staging, WindowBudget& windows) {
  const Descriptor& descriptor = image.layers[index];
  const Digest& diff_id = image.parsed.diff_ids[index];
  const std::string shown = (descriptor.digest.empty() ? diff_id : descriptor.digest).str();
  const int64_t total = std::max<int64_t>(descriptor.size, 0);
  LayerImport layer{
      .store = import.store,
      .staging = staging,
      .limits = {.bytes = import.settings.max_layer_size},
      .windows = windows,
      .cancel = import.cancel,
      .descriptor = descriptor,
      .diff_id = diff_id,
      .fetch = [&](const ByteSink& sink) { return source.FetchLayer(image, index, sink); },
      .on_progress =
          [&](int64_t done) {
            import.progress.Report(
                {.kind = ProgressEvent::kLayerProgress, .subject = shown, .done = done, .total = total});
          },
  };
  layer.on_progress(0);
  TRY_WITH(ImportLayer(layer), "layer " + shown);
  import.progress.Report(
      {.kind = ProgressEvent::kLayerDone, .subject = shown, .done = total, .total = total});
  return {};
}

// Workers take the next layer until none is left or one has failed. The first failure is the one that counts:
// those that were cancelled (kBusy) are its consequence.
Result<> FetchLayers(const ImageImport& import, ImageSource& source, const SourceImage& image,
                     const Staging& staging) {
  std::vector<size_t> missing = MissingLayers(import, image);
  WindowBudget windows(kWindowBytes);
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> first_error;
  auto work = [&] {
    for (size_t i; (i = next++) < missing.size() && !import.cancel.IsSet();) {
      auto fetched = FetchOne(import, source, image, missing[i], staging, windows);
      if (fetched) continue;
      std::lock_guard lock(mutex);
      if (!first_error || first_error->code == Code::kBusy) first_error = std::move(fetched.error());
      import.cancel.Set();
    }
  };
  size_t count =
      std::min(missing.size(), static_cast<size_t>(std::max(import.settings.parallel_downloads, 1)));
  std::vector<std::thread> workers;
  try {
    for (size_t i = 1; i < count; ++i) workers.emplace_back(work);
  } catch (const std::system_error&) {
    import.context.Debug("no more threads: fewer layers at once");
  }
  if (count > 0) work();
  for (std::thread& worker : workers) worker.join();
  if (first_error) return std::unexpected(std::move(*first_error));
  if (import.cancel.IsSet()) return Fail(Code::kBusy, "cancelled");
  return {};
}

// A docker archive has no manifest: one is made over the uncompressed layers, whose digests are the diff-ids.
Result<> MakeManifest(const Store& store, SourceImage& image) {
  if (!image.manifest.empty()) return {};
  Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json"};
  manifest.config = {.media_type = "application/vnd.oci.image.config.v1+json",
                     .digest = image.config_digest,
                     .size = static_cast<int64_t>(image.config.size())};
  for (const Digest& diff_id : image.parsed.diff_ids) {
    int64_t size = TRY(BlobStore(store).Size(diff_id));
    manifest.layers.push_back(
        {.media_type = "application/vnd.oci.image.layer.v1.tar", .digest = diff_id, .size = size});
  }
  image.manifest = SerializeManifest(manifest);
  image.manifest_digest = Sha256Of(image.manifest);
  return {};
}

Result<std::vector<ImageRecord>> SaveImage(const ImageImport& import, SourceImage& image,
                                           const Admitted& admitted, Staging& staging,
                                           const std::vector<std::string>& names) {
  BlobStore blobs(import.store);
  TRY(MakeManifest(import.store, image));
  TRY(staging.Pin(image.manifest_digest));
  if (!image.index.empty()) TRY(staging.Pin(image.index_digest));
  if (!admitted.signatures.empty()) TRY(staging.Pin(admitted.verdict.signatures));
  ImageRecord record{.manifest = image.manifest_digest,
                     .index = image.index_digest,
                     .config = image.config_digest,
                     .diff_ids = image.parsed.diff_ids,
                     .created_ns = ParseTime(image.parsed.created).value_or(0),
                     .pulled_ns = import.context.now ? import.context.now() : 0,
                     .platform = image.parsed.platform,
                     .verdict = admitted.verdict};
  for (const Digest& diff_id : record.diff_ids) {
    TRY(EnsureLayerIndex(import.store, diff_id));
    record.size += TRY(blobs.Size(diff_id));
  }
  TRY(blobs.Put(staging, image.config, image.config_digest));
  TRY(blobs.Put(staging, image.manifest, image.manifest_digest));
  if (!image.index.empty()) TRY(blobs.Put(staging, image.index, image.index_digest));
  if (!admitted.signatures.empty()) TRY(blobs.Put(staging, admitted.signatures, admitted.verdict.signatures));
  if (!record.diff_ids.empty()) record.chain = TRY(EnsureChainIndex(import.store, record.diff_ids));
  std::vector<ImageRecord> records;
  for (const std::string& name : names.empty() ? std::vector<std::string>{""} : names) {
    record.name = name;
    TRY(ImageStore(import.store).Save(record));
    records.push_back(record);
  }
  return records;
}

}  // namespace

Result<std::vector<ImageRecord>> ImportImage(const ImageImport& import, ImageSource& source,
                                             const Admission& admission,
                                             const std::vector<std::string>& names,
                                             RegistryClient* registry) {
  KeepHeapSmall();
  SourceImage image = TRY(source.Describe(import.platform));
  TRY(CheckPlatform(import, image.parsed.platform));
  const Admitted admitted = TRY(admission.Admit(image, registry, import.cancel));
  Staging staging = TRY(Staging::Begin(import.store));
  // Before the store is asked what it has: from here on gc keeps it.
  TRY(staging.Pin(image.config_digest));
  for (const Digest& diff_id : std::set<Digest>(image.parsed.diff_ids.begin(), image.parsed.diff_ids.end()))
    TRY(staging.Pin(diff_id));
  TRY(FetchLayers(import, source, image, staging));
  std::vector<ImageRecord> records = TRY(SaveImage(import, image, admitted, staging, names));
  const ImageRecord& first = records.front();
  import.progress.Report(
      {.kind = ProgressEvent::kDone, .subject = first.name.empty() ? first.config.str() : first.name});
  return records;
}

Result<> RestoreContent(const ImageImport& import, ImageSource& source, const ImageRecord& record) {
  SourceImage image = TRY(source.Describe(import.platform));
  if (image.config_digest != record.config || image.parsed.diff_ids != record.diff_ids)
    return Fail(Code::kNotFound, "there is another image in its place");
  Staging staging = TRY(Staging::Begin(import.store));
  TRY(FetchLayers(import, source, image, staging));
  BlobStore blobs(import.store);
  TRY(blobs.Put(staging, image.config, image.config_digest));
  if (image.manifest_digest == record.manifest)
    TRY(blobs.Put(staging, image.manifest, image.manifest_digest));
  import.progress.Report({.kind = ProgressEvent::kDone, .subject = record.name});
  return {};
}

bool IsComplete(const Store& store, const ImageRecord& record) {
  BlobStore blobs(store);
  return blobs.Has(record.manifest) && blobs.Has(record.config) &&
         (record.verdict.signatures.empty() || blobs.Has(record.verdict.signatures)) &&
         (record.index.empty() || blobs.Has(record.index)) &&
         std::all_of(record.diff_ids.begin(), record.diff_ids.end(),
                     [&](const Digest& d) { return blobs.Has(d); });
}

}  // namespace wolffia
