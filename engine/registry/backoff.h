// Trying again: how often, how long to wait, and how to stop waiting. Only failures that may go away
// (Code::kNetwork) are tried again; delays double from one try to the next, with jitter so that many clients
// do not come back at once, and a registry that names a delay (Retry-After) is obeyed up to a limit.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "engine/base/result.h"

namespace wolffia {

// One flag for everything that works on one pull: the first failure stops the rest, also what waits.
class Cancel {
 public:
  void Set();
  bool IsSet() const;
  // False if it was cut short by Set().
  bool SleepFor(std::chrono::milliseconds time) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool set_ = false;
};

struct BackoffPolicy {
  int retries = 3;
  std::chrono::milliseconds first_delay{400};
  std::chrono::milliseconds longest_delay{20'000};
  // A longer Retry-After is an answer ("come back tomorrow"), not something to wait for.
  std::chrono::seconds longest_retry_after{60};
};

class Backoff {
 public:
  Backoff(const BackoffPolicy& policy, const Cancel& cancel) : policy_(policy), cancel_(cancel) {}
  // Waits until the next try, or gives `error` back if there is to be none. `retry_after` in seconds; -1: not
  // said.
  Result<> Wait(Error error, int64_t retry_after);
  // The last try got somewhere: the count starts again.
  void Progressed() { tries_ = 0; }

 private:
  BackoffPolicy policy_;
  const Cancel& cancel_;
  int tries_ = 0;
};

}  // namespace wolffia
