// A tar, from its bytes to a chain's index: whatever the reader and the builder accept must make an index
// that passes the full check, alone, merged with itself and merged on and below a fixed layer.
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "storage/overlay/index_builder.h"
#include "storage/overlay/lower_index.h"
#include "storage/tar_reader.h"

namespace {

using namespace wolffia;

LowerIndex Checked(Result<std::string> bytes) {
  auto index = bytes ? LowerIndex::FromBytes(std::move(*bytes)) : std::unexpected(bytes.error());
  if (!index) {
    fprintf(stderr, "not an index: %s\n", index.error().what.c_str());
    abort();
  }
  return std::move(*index);
}

LowerIndex FixedLayer() {
  IndexBuilder builder;
  for (const char* path : {"a", "d/a", "d/e/f", ".wh.x", "d/.wh.b", "q/.wh..wh..opq"}) {
    LayerEntry e;
    e.path = path;
    e.mode = S_IFREG | 0644;
    if (!builder.Add(std::move(e))) abort();
  }
  return Checked(builder.Finish());
}

// The chunks must not matter, to entries or errors.
Result<std::string> Build(std::string_view tar, size_t chunk) {
  IndexBuilder builder;
  TarReader reader([&](LayerEntry e) { return builder.Add(std::move(e)); },
                   {.pax_bytes = 8192, .entries = 5000, .sparse_extents = 200});
  for (; !tar.empty(); tar.remove_prefix(std::min(chunk, tar.size()))) TRY(reader.Push(tar.substr(0, chunk)));
  TRY(reader.Finish());
  return builder.Finish();
}

// Makes the checksum of every block right that looks like a header: else no mutation would get past it.
std::string Sealed(std::string tar) {
  for (size_t at = 0; at + 512 <= tar.size(); at += 512) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    tar.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (size_t i = at; i < at + 512; ++i) sum += static_cast<unsigned char>(tar[i]);
    char text[8];
    snprintf(text, sizeof text, "%06o", sum);
    tar.replace(at + 148, 7, text, 7);
  }
  return tar;
}

void Merge(const std::vector<const LowerIndex*>& layers) {
  auto bytes = MergeLayers(layers);
  if (bytes) Checked(std::move(bytes));  // a hard link to nothing is refused
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string tar = Sealed(std::string(reinterpret_cast<const char*>(data), size));
  auto bytes = Build(tar, size + 1);
  auto again = Build(tar, 7);
  if (bytes.has_value() != again.has_value() || (bytes && *bytes != *again) ||
      (!bytes && bytes.error() != again.error()))
    abort();
  if (!bytes) return 0;
  LowerIndex layer = Checked(std::move(bytes)), fixed = FixedLayer();
  Merge({&layer});
  Merge({&layer, &layer});
  Merge({&fixed, &layer});
  Merge({&layer, &fixed, &layer});
  return 0;
}
