#include "engine/registry/docker_archive_source.h"

#include "engine/oci/hasher.h"

namespace wolffia {

Result<std::vector<DockerArchiveImage>> ListDockerArchive(const FileTree& tree) {
  return ParseDockerArchiveManifest(TRY(tree.Read("manifest.json", kMaxManifestBytes))).With("manifest.json");
}

Result<SourceImage> DockerArchiveSource::Describe(const Platform&) {
  SourceImage image;
  image.config = TRY_WITH(tree_.Read(image_.config, kMaxManifestBytes), "image configuration");
  image.config_digest = Sha256Of(image.config);
  image.parsed = TRY_WITH(ImageConfig::Parse(image.config), "image configuration " + image_.config);
  if (image_.layers.size() != image.parsed.diff_ids.size())
    return Fail(Code::kInvalid, "manifest.json names " + std::to_string(image_.layers.size()) +
                                    " layers and the image configuration " +
                                    std::to_string(image.parsed.diff_ids.size()));
  image.layers.resize(image_.layers.size(),
                      {.media_type = "application/vnd.oci.image.layer.v1.tar", .size = -1});
  return image;
}

Result<> DockerArchiveSource::FetchLayer(const SourceImage&, size_t index, const ByteSink& sink) {
  return tree_.Stream(image_.layers[index], sink);
}

}  // namespace wolffia
