#include "engine/registry/chunk_queue.h"

#include <algorithm>
#include <cstring>

namespace wolffia {

Result<> ChunkQueue::PushCurrent() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return abandoned_ || full_.size() < capacity_; });
  if (abandoned_) return Fail(Code::kBusy, "cancelled");
  full_.push_back(std::move(writing_));
  writing_ = {};
  if (!empty_.empty()) {
    writing_ = std::move(empty_.back());
    empty_.pop_back();
  }
  changed_.notify_all();
  return {};
}

Result<> ChunkQueue::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!writing_.data) writing_.data = std::make_unique_for_overwrite<char[]>(kChunkBytes);
    size_t part = std::min(bytes.size(), kChunkBytes - writing_.size);
    memcpy(writing_.data.get() + writing_.size, bytes.data(), part);
    writing_.size += part;
    bytes.remove_prefix(part);
    if (writing_.size == kChunkBytes) TRY(PushCurrent());
  }
  return {};
}

void ChunkQueue::Close(Result<> how) {
  if (how && writing_.size > 0) how = PushCurrent();
  std::lock_guard lock(mutex_);
  end_ = std::move(how);
  changed_.notify_all();
}

Result<std::optional<std::string_view>> ChunkQueue::Read() {
  std::unique_lock lock(mutex_);
  if (reading_.data) {
    reading_.size = 0;
    empty_.push_back(std::move(reading_));
    reading_ = {};
  }
  changed_.wait(lock, [this] { return !full_.empty() || end_.has_value(); });
  // An error overtakes the chunks before it: nobody needs them any more.
  if (end_ && !*end_) return std::unexpected(end_->error());
  if (full_.empty()) return std::nullopt;
  reading_ = std::move(full_.front());
  full_.pop_front();
  changed_.notify_all();
  return std::string_view(reading_.data.get(), reading_.size);
}

void ChunkQueue::Abandon() {
  std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

}  // namespace wolffia
