// RegistrySource: an image in a registry, named by tag or digest.
#pragma once

#include "engine/registry/manifest_source.h"
#include "engine/registry/registry_client.h"

namespace wolffia {

class RegistrySource : public ManifestSource {
 public:
  // `client` is connected and outlives it. `reference`: a tag or a digest.
  RegistrySource(RegistryClient& client, std::string reference)
      : client_(client), reference_(std::move(reference)) {}

 protected:
  Result<Document> ReadTop() override;
  Result<Document> ReadManifest(const Descriptor& descriptor) override;
  Result<> ReadBlob(const Descriptor& descriptor, const ByteSink& sink) override;

 private:
  RegistryClient& client_;
  std::string reference_;
};

}  // namespace wolffia
