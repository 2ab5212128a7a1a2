// Images made in memory for the tests of pulling: tars, compressed layers, configurations, manifests,
// archives.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine/oci/hasher.h"
#include "engine/oci/manifest.h"

namespace wolffia {

struct TarItem {
  std::string name, data;
  char type = '0';
  std::string link = "";
};

inline std::string MakeTar(const std::vector<TarItem>& items) {
  std::string tar;
  for (const TarItem& item : items) {
    char header[512] = {};
    strncpy(header, item.name.c_str(), 100);
    snprintf(header + 100, 8, "%07o", item.type == '5' ? 0755 : 0644);
    snprintf(header + 108, 8, "%07o", 0);
    snprintf(header + 116, 8, "%07o", 0);
    snprintf(header + 124, 12, "%011lo", item.data.size());
    snprintf(header + 136, 12, "%011o", 1700000000);
    memset(header + 148, ' ', 8);
    header[156] = item.type;
    strncpy(header + 157, item.link.c_str(), 100);
    memcpy(header + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    snprintf(header + 148, 8, "%06o", sum);
    tar.append(header, 512);
    tar += item.data;
    tar.append((512 - item.data.size() % 512) % 512, '\0');
  }
  return tar + std::string(1024, '\0');
}

inline std::string Gzip(const std::string& plain, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string Zstd(const std::string& plain, int level = 3) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), level));
  return out;
}

// Bytes that do not compress, always the same.
inline std::string Noise(size_t size, uint32_t seed = 1) {
  std::string noise(size, '\0');
  for (char& c : noise) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return noise;
}

struct TestImage {
  std::map<std::string, std::string> blobs;  // digest -> bytes
  std::string manifest, config;
  std::vector<Descriptor> layers;
  std::vector<Digest> diff_ids;
  std::string Name() const { return Sha256Of(manifest).str(); }
};

inline std::string MakeConfig(const std::vector<Digest>& diff_ids, const std::string& architecture) {
  std::string ids;
  for (const Digest& id : diff_ids) ids += (ids.empty() ? "\"" : ",\"") + id.str() + "\"";
  return R"({"created":"2024-01-02T03:04:05Z","architecture":")" + architecture +
         R"(","os":"linux","config":{"Cmd":["true"]},"rootfs":{"type":"layers","diff_ids":[)" + ids + "]}}";
}

// Each tar becomes a layer: gzip, zstd, plain by turns.
inline TestImage MakeImage(const std::vector<std::string>& tars, const std::string& architecture = "amd64") {
  TestImage image;
  for (size_t i = 0; i < tars.size(); ++i) {
    image.diff_ids.push_back(Sha256Of(tars[i]));
    std::string blob = i % 3 == 0 ? Gzip(tars[i]) : i % 3 == 1 ? Zstd(tars[i]) : tars[i];
    const char* suffix = i % 3 == 0 ? "+gzip" : i % 3 == 1 ? "+zstd" : "";
    image.layers.push_back({.media_type = std::string("application/vnd.oci.image.layer.v1.tar") + suffix,
                            .digest = Sha256Of(blob),
                            .size = static_cast<int64_t>(blob.size())});
    image.blobs[image.layers.back().digest.str()] = blob;
  }
  image.config = MakeConfig(image.diff_ids, architecture);
  Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json"};
  manifest.config = {.media_type = "application/vnd.oci.image.config.v1+json",
                     .digest = Sha256Of(image.config),
                     .size = static_cast<int64_t>(image.config.size())};
  manifest.layers = image.layers;
  image.blobs[manifest.config.digest.str()] = image.config;
  image.manifest = SerializeManifest(manifest);
  return image;
}

inline std::string MakeIndex(const std::vector<std::pair<std::string, const TestImage*>>& images) {
  std::string entries;
  for (const auto& [architecture, image] : images)
    entries += (entries.empty() ? "" : ",") +
               (R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + image->Name()) +
               R"(","size":)" + std::to_string(image->manifest.size()) +
               R"(,"platform":{"os":"linux","architecture":")" + architecture + R"("}})";
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
         entries + "]}";
}

// The files of an OCI layout that holds these images under these ref names.
inline std::vector<TarItem> LayoutFiles(const std::vector<std::pair<std::string, TestImage>>& images) {
  std::vector<TarItem> files = {{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}};
  std::string entries;
  for (const auto& [ref, image] : images) {
    for (const auto& [digest, bytes] : image.blobs)
      files.push_back({"blobs/sha256/" + digest.substr(7), bytes});
    files.push_back({"blobs/sha256/" + image.Name().substr(7), image.manifest});
    std::string annotations =
        ref.empty() ? "" : R"(,"annotations":{"org.opencontainers.image.ref.name":")" + ref + R"("})";
    entries += (entries.empty() ? "" : ",") +
               (R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + image.Name()) +
               R"(","size":)" + std::to_string(image.manifest.size()) + annotations + "}";
  }
  files.push_back({"index.json", R"({"schemaVersion":2,"manifests":[)" + entries + "]}"});
  return files;
}

}  // namespace wolffia
