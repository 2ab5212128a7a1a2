#include "engine/registry/manifest_source.h"

#include "engine/oci/hasher.h"

namespace wolffia {
namespace {

constexpr int kMaxIndexDepth = 3;  // an index may hold indexes

Result<> CheckDocument(const Descriptor& descriptor, const std::string& bytes) {
  if (static_cast<int64_t>(bytes.size()) != descriptor.size)
    return Fail(Code::kCorrupt, descriptor.digest.str() + " has " + std::to_string(bytes.size()) +
                                    " bytes instead of " + std::to_string(descriptor.size));
  if (Digest actual = Sha256Of(bytes); actual != descriptor.digest)
    return Fail(Code::kCorrupt,
                descriptor.digest.str() + " has other content: its digest is " + actual.str());
  return {};
}

}  // namespace

Result<std::string> ManifestSource::ReadSmallBlob(const Descriptor& descriptor) {
  if (descriptor.size > static_cast<int64_t>(kMaxManifestBytes))
    return Fail(Code::kInvalid, "it has " + std::to_string(descriptor.size) + " bytes; at most " +
                                    std::to_string(kMaxManifestBytes) + " are allowed");
  std::string bytes;
  TRY(ReadBlob(descriptor, [&](std::string_view part) -> Result<> {
    bytes += part;
    return {};
  }));
  TRY(CheckDocument(descriptor, bytes));
  return bytes;
}

Result<SourceImage> ManifestSource::Describe(const Platform& wanted) {
  Document document = TRY(ReadTop());
  SourceImage image;
  Manifest manifest;
  for (int depth = 0;; ++depth) {
    auto parsed =
        TRY_WITH(ParseManifest(document.bytes, document.content_type), "manifest " + document.digest.str());
    if (auto* found = std::get_if<Manifest>(&parsed)) {
      manifest = std::move(*found);
      break;
    }
    if (depth == kMaxIndexDepth) return Fail(Code::kInvalid, "indexes are nested too deeply");
    if (image.index_digest.empty()) {
      image.index_digest = document.digest;
      image.index = document.bytes;
    }
    Descriptor chosen = TRY(SelectPlatform(std::get<ManifestIndex>(parsed), wanted));
    if (chosen.size > static_cast<int64_t>(kMaxManifestBytes))
      return Fail(Code::kInvalid, "manifest " + chosen.digest.str() + " has more than " +
                                      std::to_string(kMaxManifestBytes) + " bytes");
    document = TRY(ReadManifest(chosen));
    TRY_WITH(CheckDocument(chosen, document.bytes), "manifest");
    document.digest = chosen.digest;
    document.content_type = chosen.media_type;
  }
  image.config = TRY_WITH(ReadSmallBlob(manifest.config), "image configuration");
  image.config_digest = manifest.config.digest;
  image.parsed =
      TRY_WITH(ImageConfig::Parse(image.config), "image configuration " + image.config_digest.str());
  TRY(CheckLayersFit(manifest, image.parsed));
  image.manifest = std::move(document.bytes);
  image.manifest_digest = document.digest;
  image.layers = std::move(manifest.layers);
  return image;
}

Result<> ManifestSource::FetchLayer(const SourceImage& image, size_t index, const ByteSink& sink) {
  return ReadBlob(image.layers[index], sink);
}

}  // namespace wolffia
