// A store in a temporary directory, and images put into it as a pull does it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "engine/oci/hasher.h"
#include "storage/container_store.h"
#include "storage/content.h"
#include "storage/gc.h"
#include "storage/image_store.h"
#include "storage/layer_writer.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {

using Files = std::vector<std::pair<std::string, std::string>>;

// The bytes of a tar with these regular files (POSIX ustar).
inline std::string TarOf(const Files& files) {
  std::string tar;
  for (const auto& [name, content] : files) {
    char header[512] = {};
    snprintf(header, 100, "%s", name.c_str());
    snprintf(header + 100, 8, "%07o", 0644);
    snprintf(header + 108, 8, "%07o", 0);
    snprintf(header + 116, 8, "%07o", 0);
    snprintf(header + 124, 12, "%011zo", content.size());
    snprintf(header + 136, 12, "%011o", 1'700'000'000);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (char c : header) sum += static_cast<unsigned char>(c);
    snprintf(header + 148, 8, "%06o", sum);
    tar.append(header, sizeof header);
    tar += content;
    tar.resize((tar.size() + 511) / 512 * 512, 0);
  }
  tar.resize(tar.size() + 1024, 0);
  return tar;
}

inline Result<Digest> ImportLayer(const Store& store, const Staging& staging, const std::string& tar) {
  Digest diff_id = Sha256Of(tar);
  TRY(staging.Pin(diff_id));
  if (BlobStore(store).Has(diff_id)) return diff_id;
  auto writer = TRY(LayerWriter::Begin(store, staging, {}));
  for (size_t at = 0; at < tar.size(); at += 70'000)
    TRY(writer->Write(std::string_view(tar).substr(at, 70'000)));
  return writer->Commit(diff_id);
}

// What a pull does, in its order. `salt` makes images of equal layers differ.
inline Result<ImageRecord> ImportImage(const Store& store, const std::string& name,
                                       const std::vector<Files>& layers, const std::string& salt = "") {
  Staging staging = TRY(Staging::Begin(store));
  ImageRecord record;
  record.name = name;
  record.platform = Platform::Host();
  std::string diff_ids;
  for (const Files& files : layers) {
    std::string tar = TarOf(files);
    record.diff_ids.push_back(TRY(ImportLayer(store, staging, tar)));
    record.size += static_cast<int64_t>(tar.size());
    diff_ids += (diff_ids.empty() ? "\"" : ",\"") + record.diff_ids.back().str() + "\"";
  }
  std::string config = R"({"os":"linux","architecture":")" + record.platform.architecture +
                       R"(","author":")" + salt + R"(","rootfs":{"type":"layers","diff_ids":[)" + diff_ids +
                       "]}}";
  std::string manifest = R"({"manifest of":")" + Sha256Of(config).str() + "\"}";
  record.config = Sha256Of(config);
  record.manifest = Sha256Of(manifest);
  TRY(staging.Pin(record.config));
  TRY(staging.Pin(record.manifest));
  TRY(BlobStore(store).Put(staging, config, record.config));
  TRY(BlobStore(store).Put(staging, manifest, record.manifest));
  record.chain = ChainId({}, record.diff_ids[0]);
  for (size_t i = 1; i < record.diff_ids.size(); ++i)
    record.chain = ChainId(record.chain, record.diff_ids[i]);
  TRY(staging.Pin(record.chain));
  TRY(EnsureChainIndex(store, record.diff_ids));
  TRY(ImageStore(store).Save(record));
  return record;
}

inline ContainerRecord ContainerOf(const ImageRecord& image, const std::string& name = "",
                                   bool auto_remove = false) {
  ContainerRecord record;
  record.name = name;
  record.image_name = image.name;
  record.image_id = image.config;
  record.chain = image.chain;
  record.diff_ids = image.diff_ids;
  record.auto_remove = auto_remove;
  return record;
}

// The value; a test that goes on without it would only crash.
template <typename T>
T Must(ResultOf<T> result, std::source_location where = std::source_location::current()) {
  if (!result) {
    fprintf(stderr, "%s:%u: %s\n", where.file_name(), where.line(), result.error().what.c_str());
    abort();
  }
  return TakeValue(std::move(result));
}

class StoreFixture : public ::testing::Test {
 protected:
  Result<Store> Reopen(Durability durability = Durability::kVolatile) const {
    return Store::Open({.root = dir_ / "root", .runroot = dir_ / "run", .durability = durability});
  }
  // All findings, one a line: "path: problem".
  static std::string Findings(const Store& store, bool repair = false) {
    std::string text;
    const StoreRepair all{.discard = true};
    for (const Finding& f : Must(CheckStore(store, repair ? &all : nullptr, {})))
      text += f.path + ": " + f.problem + (f.damage ? " (damage)" : "") + "\n";
    return text;
  }
  std::vector<std::string> Names(const std::string& directory) const {
    auto names = Must(ListDirectory(store_.root(), directory));
    std::sort(names.begin(), names.end());
    return names;
  }

  TempDir dir_;
  Store store_ = Must(Reopen());
  BlobStore blobs_{store_};
  ImageStore images_{store_};
  ContainerStore containers_{store_};
};

}  // namespace wolffia
