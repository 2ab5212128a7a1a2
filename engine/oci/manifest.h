// Manifests and indexes of images, as registries, OCI layouts and docker archives have them: OCI image spec
// (manifest.md, image-index.md, descriptor.md) and Docker v2 schema 2. Strict about what is hostile: size,
// depth, duplicate keys, negative sizes, unknown media types; lenient about fields that it does not know.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/oci/digest.h"

namespace wolffia {

inline constexpr size_t kMaxManifestBytes = 4 << 20;  // as registries and peers limit them
inline constexpr size_t kMaxLayers = 500;

struct Platform {
  std::string os = "linux";
  std::string architecture;                              // GOARCH: amd64, arm64, arm, ...
  std::string variant;                                   // v7, v8, or empty
  static Result<Platform> Parse(std::string_view text);  // "linux/arm64/v8", "arm64"
  static Platform Host();
  // True if an image for `offered` may be used where this platform is wanted (arm64 == arm64/v8 and the
  // like).
  bool Accepts(const Platform& offered) const;
  std::string str() const;
  bool operator==(const Platform&) const = default;
};

struct Descriptor {
  std::string media_type;
  Digest digest;
  int64_t size = 0;  // bytes, >= 0
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;
  bool operator==(const Descriptor&) const = default;
};

enum class LayerCompression { kNone, kGzip, kZstd };

// How a layer of this media type is compressed; kInvalid for a type that is not a layer (foreign and
// encrypted layers are refused by name).
Result<LayerCompression> CompressionOf(std::string_view media_type);

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  std::map<std::string, std::string> annotations;
};

struct ManifestIndex {
  std::string media_type;
  std::vector<Descriptor> manifests;
};

// `content_type`: what the registry said, or empty; the document's own mediaType wins, and must not
// contradict it.
Result<std::variant<Manifest, ManifestIndex>> ParseManifest(std::string_view json,
                                                            std::string_view content_type = "");

// The entry for `wanted`; kNotFound lists the platforms that there are.
Result<Descriptor> SelectPlatform(const ManifestIndex& index, const Platform& wanted);

// The JSON of a manifest (deterministic), for images that have none of their own (docker archives).
std::string SerializeManifest(const Manifest& manifest);

// For the two small files of an OCI layout (image-layout.md).
Result<> CheckLayoutFile(std::string_view json);

// manifest.json of a `docker save` archive.
struct DockerArchiveImage {
  std::string config;               // path in the archive
  std::vector<std::string> tags;    // RepoTags
  std::vector<std::string> layers;  // paths in the archive
};
Result<std::vector<DockerArchiveImage>> ParseDockerArchiveManifest(std::string_view json);

}  // namespace wolffia
