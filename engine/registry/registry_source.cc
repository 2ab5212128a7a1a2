#include "engine/registry/registry_source.h"

namespace wolffia {

Result<ManifestSource::Document> RegistrySource::ReadTop() {
  auto answer = TRY(client_.GetManifest(reference_));
  return Document{std::move(answer.bytes), std::move(answer.content_type), answer.digest};
}

Result<ManifestSource::Document> RegistrySource::ReadManifest(const Descriptor& descriptor) {
  auto answer = TRY(client_.GetManifest(descriptor.digest.str()));
  return Document{std::move(answer.bytes), std::move(answer.content_type), answer.digest};
}

Result<> RegistrySource::ReadBlob(const Descriptor& descriptor, const ByteSink& sink) {
  return client_.GetBlob(descriptor, sink);
}

}  // namespace wolffia
