#include "engine/registry/backoff.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/random.h"

namespace wolffia {

void Cancel::Set() {
  std::lock_guard lock(mutex_);
  set_ = true;
  changed_.notify_all();
}

bool Cancel::IsSet() const {
  std::lock_guard lock(mutex_);
  return set_;
}

bool Cancel::SleepFor(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return set_; });
}

Result<> Backoff::Wait(Error error, int64_t retry_after) {
  if (error.code != Code::kNetwork || tries_ >= policy_.retries || cancel_.IsSet())
    return std::unexpected(std::move(error));
  if (retry_after > policy_.longest_retry_after.count()) {
    error.what += "; it asks to wait for " + std::to_string(retry_after) + " seconds: try again later";
    return std::unexpected(std::move(error));
  }
  auto delay = std::min(policy_.first_delay * (int64_t{1} << std::min(tries_, 20)), policy_.longest_delay);
  // From half of the delay to the whole of it.
  int64_t dice = std::strtol(RandomHex(2).c_str(), nullptr, 16);
  delay = delay / 2 + delay * dice / (2 * 0xffff);
  if (retry_after > 0) delay = std::max<std::chrono::milliseconds>(delay, std::chrono::seconds(retry_after));
  ++tries_;
  if (!cancel_.SleepFor(delay)) return std::unexpected(std::move(error));
  return {};
}

}  // namespace wolffia
