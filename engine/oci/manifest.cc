#include "engine/oci/manifest.h"

#include <algorithm>
#include <array>

#include "engine/oci/json.h"
#include "engine/oci/quote.h"

namespace wolffia {
namespace {

constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
constexpr std::string_view kDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
constexpr std::string_view kDockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";

constexpr size_t kMaxIndexEntries = 10'000;
constexpr size_t kMaxArchiveImages = 1'000;

struct LayerType {
  std::string_view media_type;
  LayerCompression compression;
};

constexpr std::array kLayerTypes = {
    LayerType{"application/vnd.oci.image.layer.v1.tar", LayerCompression::kNone},
    LayerType{"application/vnd.oci.image.layer.v1.tar+gzip", LayerCompression::kGzip},
    LayerType{"application/vnd.oci.image.layer.v1.tar+zstd", LayerCompression::kZstd},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar", LayerCompression::kNone},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar.gzip", LayerCompression::kGzip},
    LayerType{"application/vnd.docker.image.rootfs.diff.tar.zstd", LayerCompression::kZstd},
};

bool IsManifestType(std::string_view type) {
  return type == kOciManifest || type == kDockerManifest;
}
bool IsIndexType(std::string_view type) {
  return type == kOciIndex || type == kDockerList;
}

std::unexpected<Error> RefuseSchema1() {
  return Fail(
      Code::kInvalid,
      "the image has a Docker manifest of schema 1, which cannot be verified and has been withdrawn; push it "
      "again with a current tool");
}

// The media type in a Content-Type header, without parameters; empty where it says nothing about images.
std::string_view StatedType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  const bool generic =
      type == "application/json" || type == "application/octet-stream" || type.starts_with("text/");
  return generic ? std::string_view() : type;
}

// CVE-2021-41190: a document that one program reads as a manifest and another as an index. The type must be
// stated once, or follow from the members without doubt.
Result<std::string> TypeOf(const Json& document, std::string_view content_type) {
  const std::string own = TRY(StringMember(document, "mediaType", ""));
  const std::string stated(StatedType(content_type));
  if (!own.empty() && !stated.empty() && own != stated)
    return Fail(Code::kInvalid,
                "the document says that it is " + Quote(own) + ", the registry says " + Quote(stated));
  const bool has_layers = document.contains("layers") || document.contains("config");
  const bool has_manifests = document.contains("manifests");
  if (has_layers && has_manifests)
    return Fail(Code::kInvalid, "the document has the members of an image and of an index; it is ambiguous");
  std::string type = own.empty() ? stated : own;
  if (type.empty() && has_layers) type = kOciManifest;
  if (type.empty() && has_manifests) type = kOciIndex;
  if ((IsManifestType(type) && has_manifests) || (IsIndexType(type) && has_layers))
    return Fail(Code::kInvalid, Quote(type) + " contradicts the members of the document");
  if (type.empty()) return Fail(Code::kInvalid, "neither a manifest nor an index (no layers, no manifests)");
  return type;
}

Result<std::optional<Platform>> ParsePlatform(const Json& descriptor, const std::string& where) {
  const Json* json = TRY(ObjectMember(descriptor, "platform", where));
  if (json == nullptr) return std::optional<Platform>();
  Platform platform;
  platform.os = TRY(StringMember(*json, "os", where + ".platform"));
  platform.architecture = TRY(StringMember(*json, "architecture", where + ".platform"));
  platform.variant = TRY(StringMember(*json, "variant", where + ".platform"));
  return platform;
}

Result<Descriptor> ParseDescriptor(const Json& json, const std::string& where) {
  Descriptor out;
  out.media_type = TRY(StringMember(json, "mediaType", where));
  out.digest = TRY_WITH(Digest::Parse(TRY(StringMember(json, "digest", where))), where + ".digest");
  if (!json.contains("size")) return Fail(Code::kInvalid, where + ".size: missing");
  out.size = TRY(IntMember(json, "size", where));
  if (out.size < 0) return Fail(Code::kInvalid, where + ".size: negative");
  out.platform = TRY(ParsePlatform(json, where));
  out.annotations = TRY(StringMapMember(json, "annotations", where));
  return out;
}

Result<std::vector<Descriptor>> ParseDescriptors(const Json& document, const char* name, size_t limit) {
  const Json* array = TRY(ArrayMember(document, name, ""));
  std::vector<Descriptor> out;
  if (array == nullptr) return out;
  if (array->size() > limit)
    return Fail(Code::kInvalid, std::string(name) + ": " + std::to_string(array->size()) +
                                    " entries, the limit is " + std::to_string(limit));
  out.reserve(array->size());
  for (const Json& item : *array)
    out.push_back(TRY(ParseDescriptor(item, std::string(name) + "[" + std::to_string(out.size()) + "]")));
  return out;
}

Result<Manifest> ParseImageManifest(const Json& document, std::string type) {
  Manifest out;
  out.media_type = std::move(type);
  const Json* config = TRY(ObjectMember(document, "config", ""));
  if (config == nullptr) return Fail(Code::kInvalid, "config: missing");
  out.config = TRY(ParseDescriptor(*config, "config"));
  if (out.config.media_type != kOciConfig && out.config.media_type != kDockerConfig)
    return Fail(Code::kInvalid, "config.mediaType: " + Quote(out.config.media_type) +
                                    " is not the configuration of a container image");
  out.layers = TRY(ParseDescriptors(document, "layers", kMaxLayers));
  for (size_t i = 0; i < out.layers.size(); i++)
    TRY_WITH(CompressionOf(out.layers[i].media_type), "layers[" + std::to_string(i) + "].mediaType");
  out.annotations = TRY(StringMapMember(document, "annotations", ""));
  return out;
}

Result<std::variant<Manifest, ManifestIndex>> ParseDocument(std::string_view text,
                                                            std::string_view content_type) {
  const Json document = TRY(ParseJson(text, {.bytes = kMaxManifestBytes}));
  if (!document.is_object()) return Fail(Code::kInvalid, "not an object");
  const int64_t schema = TRY(IntMember(document, "schemaVersion", ""));
  if (schema == 1) return RefuseSchema1();
  if (schema != 2) return Fail(Code::kInvalid, "schemaVersion: not 2");
  const std::string type = TRY(TypeOf(document, content_type));
  if (IsManifestType(type)) return TRY(ParseImageManifest(document, type));
  if (IsIndexType(type)) {
    ManifestIndex index{.media_type = type};
    index.manifests = TRY(ParseDescriptors(document, "manifests", kMaxIndexEntries));
    return index;
  }
  if (type == kDockerSchema1 || type == kDockerSchema1Signed) return RefuseSchema1();
  return Fail(Code::kInvalid, "media type " + Quote(type) + " is not that of an image or an index");
}

Json ToJson(const Descriptor& descriptor) {
  Json json{
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest.str()}, {"size", descriptor.size}};
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  if (const auto& platform = descriptor.platform) {
    json["platform"] = {{"os", platform->os}, {"architecture", platform->architecture}};
    if (!platform->variant.empty()) json["platform"]["variant"] = platform->variant;
  }
  return json;
}

// A name inside an archive: what could be a path elsewhere is refused, though nothing is ever opened by it.
Result<> CheckArchivePath(const std::string& path, const std::string& where) {
  const std::string slashed = "/" + path + "/";
  if (path.empty() || path.front() == '/' || slashed.find("/../") != std::string::npos)
    return Fail(Code::kInvalid, where + ": " + Quote(path) + " is not a path in the archive");
  return {};
}

Result<DockerArchiveImage> ParseArchiveImage(const Json& json, const std::string& where) {
  DockerArchiveImage image;
  image.config = TRY(StringMember(json, "Config", where));
  image.tags = TRY(StringsMember(json, "RepoTags", where));
  image.layers = TRY(StringsMember(json, "Layers", where));
  TRY(CheckArchivePath(image.config, where + ".Config"));
  if (image.layers.size() > kMaxLayers)
    return Fail(Code::kInvalid, where + ".Layers: more than " + std::to_string(kMaxLayers) + " entries");
  for (const std::string& layer : image.layers) TRY(CheckArchivePath(layer, where + ".Layers"));
  return image;
}

Result<std::vector<DockerArchiveImage>> ParseArchiveImages(std::string_view text) {
  const Json document = TRY(ParseJson(text, {.bytes = kMaxManifestBytes}));
  if (!document.is_array()) return Fail(Code::kInvalid, "not an array");
  if (document.size() > kMaxArchiveImages)
    return Fail(Code::kInvalid, "more than " + std::to_string(kMaxArchiveImages) + " images");
  std::vector<DockerArchiveImage> images;
  for (const Json& item : document)
    images.push_back(TRY(ParseArchiveImage(item, "[" + std::to_string(images.size()) + "]")));
  return images;
}

std::string PlatformsOf(const ManifestIndex& index) {
  std::string list;
  for (const Descriptor& entry : index.manifests) {
    // Builders add attestations as entries for "unknown/unknown".
    if (!entry.platform || entry.platform->os == "unknown") continue;
    list += (list.empty() ? "" : ", ") + entry.platform->str();
  }
  return list.empty() ? "no platforms" : Printable(list, 1000);
}

}  // namespace

Result<LayerCompression> CompressionOf(std::string_view media_type) {
  for (const LayerType& type : kLayerTypes)
    if (type.media_type == media_type) return type.compression;
  if (media_type.find("nondistributable") != std::string_view::npos ||
      media_type.ends_with("foreign.diff.tar.gzip"))
    return Fail(Code::kInvalid, Quote(media_type) + " is a foreign layer, which the registry does not have");
  if (media_type.ends_with("+encrypted"))
    return Fail(Code::kInvalid, Quote(media_type) + " is an encrypted layer, which is not supported");
  return Fail(Code::kInvalid, Quote(media_type) + " is not a layer");
}

Result<std::variant<Manifest, ManifestIndex>> ParseManifest(std::string_view json,
                                                            std::string_view content_type) {
  return ParseDocument(json, content_type).With("manifest");
}

Result<Descriptor> SelectPlatform(const ManifestIndex& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  for (const Descriptor& entry : index.manifests) {
    if (!IsManifestType(entry.media_type) && !IsIndexType(entry.media_type)) continue;
    if (entry.platform && !wanted.Accepts(*entry.platform)) continue;
    const bool exact = entry.platform == wanted;
    // An entry that names no platform is taken where none that does will do; of several the newest variant.
    const bool better = best == nullptr || (entry.platform && !best->platform) ||
                        (entry.platform && best->platform && best->platform != wanted &&
                         (exact || best->platform->variant < entry.platform->variant));
    if (better) best = &entry;
  }
  if (best != nullptr) return *best;
  return Fail(Code::kNotFound, "no image for " + wanted.str() + "; there is " + PlatformsOf(index));
}

std::string SerializeManifest(const Manifest& manifest) {
  Json document{
      {"schemaVersion", 2}, {"mediaType", manifest.media_type}, {"config", ToJson(manifest.config)}};
  document["layers"] = Json::array();
  for (const Descriptor& layer : manifest.layers) document["layers"].push_back(ToJson(layer));
  if (!manifest.annotations.empty()) document["annotations"] = manifest.annotations;
  return DumpJson(document);
}

Result<> CheckLayoutFile(std::string_view json) {
  const Json document = TRY_WITH(ParseJson(json, {.bytes = 64 << 10}), "oci-layout");
  const std::string version = TRY(StringMember(document, "imageLayoutVersion", "oci-layout"));
  if (version.starts_with("1.")) return {};
  return Fail(Code::kInvalid, "oci-layout: imageLayoutVersion " + Quote(version) + " is not 1.0.0");
}

Result<std::vector<DockerArchiveImage>> ParseDockerArchiveManifest(std::string_view json) {
  return ParseArchiveImages(json).With("manifest.json");
}

}  // namespace wolffia
