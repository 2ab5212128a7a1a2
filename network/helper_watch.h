// HelperWatch: helper processes of a running container that are repaired together, and apart from others: the
// driver's, the port forwarder's. One that ends is reported and replaced, at once the first time, then after
// pauses that grow, and for as long as it takes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/context.h"
#include "engine/base/event_loop.h"
#include "network/driver.h"

namespace wolffia {

// A helper's fate: "died" (and will be replaced), "restarted", "failed" (why it was not; it is tried again),
// "warning" (what it cannot keep of what was promised).
using HelperReport =
    std::function<void(const std::string& helper, const std::string& action, const std::string& detail)>;

class HelperWatch {
 public:
  struct Setup {
    std::function<std::vector<HelperProcess>()> helpers;  // those of now
    std::function<Result<>()> repair;                     // replaces them
    HelperReport report;
  };

  // Watches from now on, until it is destroyed; the loop lives longer.
  HelperWatch(const Context& context, EventLoop& loop, Setup setup);
  HelperWatch(const HelperWatch&) = delete;
  ~HelperWatch();

 private:
  void Watch();
  void Forget();
  void Lost(const std::string& helper);
  void Repair();

  const Context& context_;
  EventLoop& loop_;
  Setup setup_;
  std::string lost_;  // the one that is being replaced
  std::vector<int> watched_;
  EventLoop::TimerId timer_ = 0;
  int failures_ = 0;         // of repairs, in a row
  int64_t repaired_ns_ = 0;  // when the last one was made
};

}  // namespace wolffia
