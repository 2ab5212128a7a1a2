// Manifests, indexes, layout files and docker archive manifests.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/oci/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wolffia;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto parsed = ParseManifest(text)) {
    if (auto* manifest = std::get_if<Manifest>(&*parsed)) {
      auto again = ParseManifest(SerializeManifest(*manifest));
      if (!again || std::get<Manifest>(*again).layers != manifest->layers) abort();
      for (const Descriptor& layer : manifest->layers)
        if (layer.size < 0 || layer.digest.hex().size() != 64 || !CompressionOf(layer.media_type)) abort();
    } else {
      (void)SelectPlatform(std::get<ManifestIndex>(*parsed), Platform::Host());
    }
  }
  (void)CheckLayoutFile(text);
  if (auto images = ParseDockerArchiveManifest(text))
    for (const DockerArchiveImage& image : *images)
      for (const std::string& path : image.layers)
        if (path.empty() || path[0] == '/') abort();
  return 0;
}
