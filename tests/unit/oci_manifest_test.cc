// Manifests, indexes, platforms, and the small files of layouts and archives.
#include <gtest/gtest.h>

#include "engine/oci/manifest.h"

namespace wolffia {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');
constexpr const char* kOci = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kDocker = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* kSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

std::string Blob(const std::string& type, const std::string& more = "") {
  return R"({"mediaType":")" + type + R"(","digest":")" + kDigest + R"(","size":7)" + more + "}";
}
const std::string kConfig = Blob("application/vnd.oci.image.config.v1+json");
const std::string kLayer = Blob("application/vnd.oci.image.layer.v1.tar+gzip");

// `type`: the document's mediaType; empty: it has none.
std::string Image(const std::string& type, const std::string& config = kConfig,
                  const std::string& layers = kLayer) {
  return R"({"schemaVersion":2)" + (type.empty() ? "" : R"(,"mediaType":")" + type + "\"") + R"(,"config":)" +
         config + R"(,"layers":[)" + layers + "]}";
}
std::string Index(const std::string& type, const std::string& entries) {
  return R"({"schemaVersion":2)" + (type.empty() ? "" : R"(,"mediaType":")" + type + "\"") +
         R"(,"manifests":[)" + entries + "]}";
}
std::string For(const std::string& os, const std::string& arch, const std::string& variant = "") {
  return Blob(kOci, R"(,"platform":{"os":")" + os + R"(","architecture":")" + arch + R"(","variant":")" +
                        variant + "\"}");
}

TEST(Manifest, Parse) {
  struct Row {
    std::string json, content_type, type;
    bool index = false;
  };
  const Row rows[] = {
      {Image(kOci), "", kOci},
      {Image(""), "", kOci},
      {Image(""), kDocker, kDocker},
      {Image(kDocker), kDocker, kDocker},
      {Image(kOci), "application/json; charset=utf-8", kOci},
      {Image(kOci), std::string(kOci) + "; charset=utf-8", kOci},
      {Image(kOci), "text/plain", kOci},
      {Image(kOci, kConfig, ""), "", kOci},
      {Index(kOciIndex, For("linux", "amd64")), "", kOciIndex, true},
      {Index("", For("linux", "amd64")), "", kOciIndex, true},
      {Index(kDockerList, ""), kDockerList, kDockerList, true},
  };
  for (const Row& row : rows) {
    auto parsed = ParseManifest(row.json, row.content_type);
    ASSERT_TRUE(parsed.has_value()) << row.json << ": " << parsed.error().what;
    ASSERT_EQ(std::holds_alternative<ManifestIndex>(*parsed), row.index) << row.json;
    const std::string& type =
        row.index ? std::get<ManifestIndex>(*parsed).media_type : std::get<Manifest>(*parsed).media_type;
    EXPECT_EQ(type, row.type);
  }
  auto image = std::get<Manifest>(ParseManifest(Image(kOci, kConfig, kLayer + "," + kLayer)).value());
  EXPECT_EQ(image.layers.size(), 2u);
  EXPECT_EQ(image.layers[0].digest.str(), kDigest);
  EXPECT_EQ(image.layers[0].size, 7);
  auto again = std::get<Manifest>(ParseManifest(SerializeManifest(image)).value());
  EXPECT_EQ(again.layers, image.layers);
  EXPECT_EQ(again.config, image.config);
  EXPECT_EQ(SerializeManifest(again), SerializeManifest(image));
}

TEST(Manifest, Refused) {
  struct Row {
    std::string json, content_type, why;
  };
  std::string many = kLayer;
  for (size_t i = 0; i < kMaxLayers; i++) many += "," + kLayer;
  const Row rows[] = {
      {"[]", "", "not an object"},
      {"{}", "", "schemaVersion: not 2"},
      {R"({"schemaVersion":"2"})", "", "schemaVersion: not an integer"},
      {R"({"schemaVersion":2})", "", "neither a manifest nor an index"},
      {R"({"schemaVersion":1,"name":"x","fsLayers":[]})", kSchema1, "schema 1"},
      {R"({"schemaVersion":2})", kSchema1, "schema 1"},
      {Image(kOci), kDocker, "the registry says"},
      {Image(kOciIndex), "", "contradicts"},
      {Index(kOci, For("linux", "amd64")), "", "contradicts"},
      {Index("", For("linux", "amd64")), kDocker, "contradicts"},
      {R"({"schemaVersion":2,"layers":[]})", "", "config: missing"},
      {R"({"schemaVersion":2,"config":)" + kConfig + R"(,"layers":[],"manifests":[]})", "", "ambiguous"},
      {Image("application/vnd.evil\x01"), "", "not valid JSON"},
      {Image("application/vnd.other+json"), "", "media type 'application/vnd.other+json'"},
      {Image("", Blob("application/vnd.oci.empty.v1+json")), "",
       "'application/vnd.oci.empty.v1+json' is not the conf"},
      {Image("", kConfig, Blob("application/x-what\\u001b")), "",
       "layers[0].mediaType: 'application/x-what\\x1b'"},
      {Image("", kConfig, kLayer + "," + Blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")),
       "",
       "layers[1].mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' is a foreign layer"},
      {Image("", kConfig, Blob("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")), "", "encrypted"},
      {Image("", kConfig, R"({"mediaType":"x","digest":"sha256:1","size":1})"), "", "layers[0].digest"},
      {Image("", kConfig, R"({"mediaType":"x","digest":")" + kDigest + R"("})"), "",
       "layers[0].size: missing"},
      {Image("", kConfig, R"({"mediaType":"x","digest":")" + kDigest + R"(","size":-1})"), "", "negative"},
      {Image("", kConfig, R"({"mediaType":"x","digest":")" + kDigest + R"(","size":1.5})"), "",
       "not an integer"},
      {Image("", kConfig, R"({"mediaType":"x","digest":")" + kDigest + R"(","size":9223372036854775808})"),
       "", "64-bit"},
      {Image("", kConfig, "7"), "", "layers[0]: not an object"},
      {Image("", kConfig, many), "", "501 entries, the limit is 500"},
      {R"({"schemaVersion":2,"schemaVersion":2})", "", "appears twice"},
      {Image("") + std::string(kMaxManifestBytes, ' '), "", "the limit is 4194304"},
  };
  for (const Row& row : rows) {
    auto parsed = ParseManifest(row.json, row.content_type);
    ASSERT_FALSE(parsed.has_value()) << row.json.substr(0, 300);
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_NE(parsed.error().what.find(row.why), std::string::npos) << parsed.error().what;
    EXPECT_LT(parsed.error().what.size(), 600u);
  }
}

TEST(Manifest, Compression) {
  EXPECT_EQ(CompressionOf("application/vnd.oci.image.layer.v1.tar").value(), LayerCompression::kNone);
  EXPECT_EQ(CompressionOf("application/vnd.oci.image.layer.v1.tar+zstd").value(), LayerCompression::kZstd);
  EXPECT_EQ(CompressionOf("application/vnd.docker.image.rootfs.diff.tar.gzip").value(),
            LayerCompression::kGzip);
  EXPECT_FALSE(CompressionOf("application/vnd.oci.image.layer.nondistributable.v1.tar").has_value());
  EXPECT_FALSE(CompressionOf("").has_value());
}

TEST(Platform, ParseAndStr) {
  const std::pair<const char*, const char*> rows[] = {
      {"linux/amd64", "linux/amd64"},       {"x86_64", "linux/amd64"},
      {"linux/arm64/v8", "linux/arm64/v8"}, {"aarch64", "linux/arm64"},
      {"linux/armhf", "linux/arm/v7"},      {"armel", "linux/arm/v6"},
      {"linux/arm/v6", "linux/arm/v6"},     {"LINUX/AMD64", "linux/amd64"},
      {"riscv64", "linux/riscv64"},         {"windows/amd64", "windows/amd64"},
  };
  for (const auto& [text, str] : rows) EXPECT_EQ(Platform::Parse(text).value().str(), str) << text;
  EXPECT_EQ(Platform::Parse("linux").value(), Platform::Host());
  for (const char* bad : {"", "/", "linux/", "linux/amd64/v1/x", "a b", "linux//v8", "\x1b"})
    EXPECT_FALSE(Platform::Parse(bad).has_value()) << bad;
}

TEST(Platform, Accepts) {
  struct Row {
    const char *wanted, *offered;
    bool accepts;
  };
  const Row rows[] = {
      {"linux/amd64", "linux/amd64", true},       {"linux/amd64", "linux/x86_64", true},
      {"linux/amd64", "linux/arm64", false},      {"linux/amd64", "windows/amd64", false},
      {"linux/arm64", "linux/arm64/v8", true},    {"linux/arm64/v8", "linux/arm64", true},
      {"linux/arm64", "linux/arm64/v9", false},   {"linux/arm/v7", "linux/arm/v6", true},
      {"linux/arm/v6", "linux/arm/v7", false},    {"linux/arm", "linux/arm/v7", true},
      {"linux/amd64", "linux/amd64/v3", false},   {"linux/amd64/v3", "linux/amd64", true},
      {"linux/mips/odd", "linux/mips/odd", true}, {"linux/mips/odd", "linux/mips", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(Platform::Parse(row.wanted).value().Accepts(Platform::Parse(row.offered).value()), row.accepts)
        << row.wanted << " " << row.offered;
  EXPECT_TRUE(Platform::Host().Accepts(Platform{}));  // a configuration that does not say
}

TEST(Manifest, SelectPlatform) {
  auto index_of = [](const std::string& entries) {
    return std::get<ManifestIndex>(ParseManifest(Index(kOciIndex, entries)).value());
  };
  auto chosen = [&](const std::string& entries, const char* wanted) {
    auto descriptor = SelectPlatform(index_of(entries), Platform::Parse(wanted).value());
    if (!descriptor) return descriptor.error().what;
    return descriptor->platform ? descriptor->platform->str() : std::string("any");
  };
  const std::string attestation = For("unknown", "unknown");
  const std::string arms =
      For("linux", "arm", "v5") + "," + For("linux", "arm", "v7") + "," + For("linux", "arm", "v6");
  EXPECT_EQ(chosen(attestation + "," + For("linux", "amd64") + "," + arms, "amd64"), "linux/amd64");
  EXPECT_EQ(chosen(arms, "linux/arm/v7"), "linux/arm/v7");
  EXPECT_EQ(chosen(arms, "linux/arm/v6"), "linux/arm/v6");
  EXPECT_EQ(chosen(arms, "linux/arm/v8"), "linux/arm/v7");
  EXPECT_EQ(chosen(Blob(kOci) + "," + For("linux", "amd64"), "amd64"), "linux/amd64");
  EXPECT_EQ(chosen(Blob(kOci) + "," + For("linux", "arm64"), "amd64"), "any");
  EXPECT_EQ(chosen(Blob(kOciIndex), "amd64"), "any");
  EXPECT_EQ(chosen(For("linux", "s390x") + "," + attestation, "amd64"),
            "no image for linux/amd64; there is linux/s390x");
  EXPECT_EQ(chosen(Blob("application/vnd.cncf.helm.config"), "amd64"),
            "no image for linux/amd64; there is no platforms");
  EXPECT_EQ(SelectPlatform(index_of(""), Platform::Host()).error().code, Code::kNotFound);
}

TEST(Manifest, LayoutFile) {
  EXPECT_TRUE(CheckLayoutFile(R"({"imageLayoutVersion":"1.0.0"})").has_value());
  for (const char* bad : {"", "{}", R"({"imageLayoutVersion":"2.0.0"})", R"({"imageLayoutVersion":1})", "[]"})
    EXPECT_EQ(CheckLayoutFile(bad).error().code, Code::kInvalid) << bad;
}

TEST(Manifest, DockerArchive) {
  auto images = ParseDockerArchiveManifest(
      R"([{"Config":"c.json","RepoTags":["a:1"],"Layers":["l1/layer.tar","l2/layer.tar"]},
          {"Config":"blobs/sha256/x","RepoTags":null,"Layers":[],"LayerSources":{}}])");
  ASSERT_TRUE(images.has_value()) << images.error().what;
  ASSERT_EQ(images->size(), 2u);
  EXPECT_EQ((*images)[0].tags, std::vector<std::string>{"a:1"});
  EXPECT_EQ((*images)[0].layers.size(), 2u);
  EXPECT_TRUE((*images)[1].tags.empty());
  const std::pair<const char*, const char*> bad[] = {
      {"{}", "not an array"},
      {"[7]", "[0]: not an object"},
      {R"([{"Config":""}])", "[0].Config"},
      {R"([{"Config":"/etc/passwd"}])", "not a path in the archive"},
      {R"([{"Config":"c","Layers":["a/../../b"]}])", "'a/../../b' is not a path"},
      {R"([{"Config":"c","Layers":[".."]}])", "not a path"},
      {R"([{"Config":"c","RepoTags":"a:1"}])", "RepoTags: not an array"},
  };
  for (const auto& [json, why] : bad) {
    auto parsed = ParseDockerArchiveManifest(json);
    ASSERT_FALSE(parsed.has_value()) << json;
    EXPECT_NE(parsed.error().what.find(why), std::string::npos) << parsed.error().what;
  }
}

}  // namespace
}  // namespace wolffia
