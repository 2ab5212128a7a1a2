// ManifestSource: what registries and OCI layouts have in common: documents and blobs that are named by
// digest, an index from which a platform is selected, a manifest, a configuration.
#pragma once

#include "engine/registry/image_source.h"

namespace wolffia {

class ManifestSource : public ImageSource {
 public:
  Result<SourceImage> Describe(const Platform& wanted) override;
  Result<> FetchLayer(const SourceImage& image, size_t index, const ByteSink& sink) override;

 protected:
  struct Document {
    std::string bytes, content_type;
    Digest digest;
  };
  // The document that the image's name stands for, verified against a digest that the name holds.
  virtual Result<Document> ReadTop() = 0;
  // A document that an index names. Need not verify.
  virtual Result<Document> ReadManifest(const Descriptor& descriptor) = 0;
  // Streams a blob; at most descriptor.size bytes.
  virtual Result<> ReadBlob(const Descriptor& descriptor, const ByteSink& sink) = 0;

 private:
  Result<std::string> ReadSmallBlob(const Descriptor& descriptor);
};

}  // namespace wolffia
