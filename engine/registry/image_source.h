// ImageSource: one image, wherever it lies: a registry, an OCI layout (directory or archive), a docker
// archive. The importer (image_import.h) sees only this.
#pragma once

#include <string>
#include <vector>

#include "engine/oci/image_config.h"
#include "engine/oci/manifest.h"
#include "engine/registry/http_client.h"

namespace wolffia {

// What a source says about its image. Config and manifest are verified; layers are verified when they are
// fetched.
struct SourceImage {
  std::string manifest;  // its bytes; empty where there is none (docker archive): made by the importer
  Digest manifest_digest;
  std::string index;    // bytes of the index that it was selected from; may be empty
  Digest index_digest;  // of it
  std::string config;   // its bytes
  Digest config_digest;
  ImageConfig parsed;
  // Lowest first, as many as diff-ids. In a docker archive digest is empty and size -1: the diff-id says it
  // all.
  std::vector<Descriptor> layers;
};

class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // kNotFound if there is no image for `wanted`.
  virtual Result<SourceImage> Describe(const Platform& wanted) = 0;
  // Streams the bytes of layer `index`, compressed or not. From several threads at once.
  virtual Result<> FetchLayer(const SourceImage& image, size_t index, const ByteSink& sink) = 0;
};

}  // namespace wolffia
