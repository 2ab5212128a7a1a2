// Decompressor: a push decoder for layers and archives. What the bytes are is decided by their magic number,
// as the peers do: media types are wrong often enough, and the diff-id decides in the end. gzip with several
// members (isa-l), zstd with several and skippable frames, or bytes that are neither, as they are.
//
// Memory: 64 KiB of output, 80 KiB for gzip; for zstd the frame's window, which comes out of a budget that
// all decoders of a pull share. The output is not limited here: its consumer limits it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "engine/base/result.h"
#include "engine/registry/backoff.h"

namespace wolffia {

// Bytes of zstd windows in use at once. A window larger than the whole budget waits until it is alone.
class WindowBudget {
 public:
  explicit WindowBudget(uint64_t bytes) : total_(bytes) {}
  // Waits; false if cancelled.
  bool Take(uint64_t bytes, const Cancel& cancel);
  void Return(uint64_t bytes);

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  uint64_t total_, used_ = 0;
};

class Decompressor {
 public:
  using Sink = std::function<Result<>(std::string_view)>;
  // `budget` and `cancel` outlive it; the sink's views are valid during the call only.
  Decompressor(Sink sink, WindowBudget& budget, const Cancel& cancel);
  ~Decompressor();
  // kCorrupt for malformed input, kUnsupported for a zstd window over 128 MiB; or the sink's error.
  Result<> Push(std::string_view bytes);
  // The end of the input: kCorrupt if it is truncated.
  Result<> Finish();

  struct Format;  // one decoder

 private:
  Result<> Choose();

  Sink sink_;
  WindowBudget& budget_;
  const Cancel& cancel_;
  std::string magic_;  // the first bytes, until there are enough to choose
  std::unique_ptr<Format> format_;
};

}  // namespace wolffia
