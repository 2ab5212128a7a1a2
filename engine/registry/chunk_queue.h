// ChunkQueue: the bounded pipe between two threads of a download. Buffers go round and are never freed in
// between, so the memory of a pull is chunks x queues x parallel downloads, whatever passes through.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

class ChunkQueue {
 public:
  static constexpr size_t kChunkBytes = 128 << 10;
  explicit ChunkQueue(size_t chunks) : capacity_(chunks) {}

  // Writer. Waits while the queue is full; kBusy once the reader has gone.
  Result<> Write(std::string_view bytes);
  // The end, or why there is no end: the reader gets it after the last chunk.
  void Close(Result<> how);

  // Reader. The next bytes, valid until the next call; nullopt at the end; the writer's error.
  Result<std::optional<std::string_view>> Read();
  // The reader goes: the writer is to stop.
  void Abandon();

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t size = 0;
  };
  Result<> PushCurrent();

  const size_t capacity_;
  Chunk writing_, reading_;  // each belongs to its side, outside of the lock
  std::mutex mutex_;         // protects what follows; never held while bytes are copied
  std::condition_variable changed_;
  std::deque<Chunk> full_;
  std::vector<Chunk> empty_;
  std::optional<Result<>> end_;
  bool abandoned_ = false;
};

}  // namespace wolffia
