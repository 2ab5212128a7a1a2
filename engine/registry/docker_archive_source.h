// DockerArchiveSource: an image of a `docker save` archive: manifest.json names a configuration and layer
// files, which may be links to each other and may be compressed. There are no digests but the diff-ids of the
// configuration.
#pragma once

#include "engine/registry/file_tree.h"
#include "engine/registry/image_source.h"

namespace wolffia {

// kNotFound if the tree is no docker archive.
Result<std::vector<DockerArchiveImage>> ListDockerArchive(const FileTree& tree);

class DockerArchiveSource : public ImageSource {
 public:
  // The tree outlives it.
  DockerArchiveSource(const FileTree& tree, DockerArchiveImage image)
      : tree_(tree), image_(std::move(image)) {}
  Result<SourceImage> Describe(const Platform& wanted) override;
  Result<> FetchLayer(const SourceImage& image, size_t index, const ByteSink& sink) override;

 private:
  const FileTree& tree_;
  DockerArchiveImage image_;
};

}  // namespace wolffia
