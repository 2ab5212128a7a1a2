// TarReader: a push parser for tar streams that knows where in the stream every byte lies (the index needs
// exact offsets). V7, POSIX ustar and pax (global headers are passed over, as peers do), GNU long names, GNU
// base-256 numbers, GNU sparse (old and pax 0.0, 0.1, 1.0), SCHILY.xattr.*; LIBARCHIVE.xattr.* ignored. For
// hostile input: every length is bounded, memory is bounded by the limits below, no byte is interpreted twice.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/base/result.h"
#include "storage/overlay/index_builder.h"

namespace wolffia {

struct TarLimits {
  size_t pax_bytes = 1 << 20;        // one extended header
  size_t path_bytes = 4096;
  size_t entries = 10'000'000;
  size_t sparse_extents = 1 << 20;   // of one file
};

class TarReader {
 public:
  // `on_entry` gets every entry once its headers (and sparse map) are complete, before its data.
  using OnEntry = std::function<Result<>(LayerEntry entry)>;
  explicit TarReader(OnEntry on_entry, TarLimits limits = {});
  ~TarReader();
  // Any chunking gives the same entries. kCorrupt (with the byte offset) for malformed input.
  Result<> Push(std::string_view bytes);
  // The end of the stream: kCorrupt if an entry is incomplete. A missing end-of-archive marker is accepted, as peers do.
  Result<> Finish();
  uint64_t offset() const;  // bytes consumed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wolffia
