#include "network/helper_watch.h"

#include <sys/epoll.h>

#include <algorithm>

namespace wolffia {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSteadyNs = 10'000 * kMillisecond;  // a helper that lives so long has not failed to start

// Before the nth repair in a row: at once, then after 100 ms, 200 ms ... 10 s.
int64_t PauseBefore(int failures) {
  return failures == 0 ? 0
                       : std::min<int64_t>(int64_t{100} << std::min(failures - 1, 7), 10'000) * kMillisecond;
}

}  // namespace

HelperWatch::HelperWatch(const Context& context, EventLoop& loop, Setup setup)
    : context_(context), loop_(loop), setup_(std::move(setup)), repaired_ns_(context.now()) {
  Watch();
}

HelperWatch::~HelperWatch() {
  Forget();
  loop_.Cancel(timer_);
}

void HelperWatch::Watch() {
  for (const HelperProcess& helper : setup_.helpers()) {
    if (!loop_.Watch(helper.pidfd, EPOLLIN, [this, name = helper.name](uint32_t) { Lost(name); })) continue;
    watched_.push_back(helper.pidfd);
  }
}

void HelperWatch::Forget() {
  for (int fd : watched_) loop_.Forget(fd);
  watched_.clear();
}

void HelperWatch::Lost(const std::string& helper) {
  lost_ = helper;
  Forget();
  if (context_.now() - repaired_ns_ > kSteadyNs) failures_ = 0;
  setup_.report(lost_, "died", "");
  timer_ = loop_.After(PauseBefore(failures_++), [this] { Repair(); });
}

void HelperWatch::Repair() {
  Result<> repaired = setup_.repair();
  repaired_ns_ = context_.now();
  if (!repaired) {
    setup_.report(lost_, "failed", repaired.error().what);
    timer_ = loop_.After(PauseBefore(failures_++), [this] { Repair(); });
    return;
  }
  setup_.report(lost_, "restarted", "");
  Watch();
}

}  // namespace wolffia
