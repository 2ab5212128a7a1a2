#include "engine/runtime/health_schedule.h"

#include <algorithm>

namespace wolffia {
namespace {

constexpr size_t kKeptResults = 5;
constexpr int64_t kShortestInterval =
    10'000'000;  // 10 ms: an image may ask for less, and would keep a processor busy

HealthSchedule::Probe ProbeOf(const std::vector<std::string>& command, bool shell, int64_t timeout_ns) {
  HealthSchedule::Probe probe{command, timeout_ns};
  if (shell) probe.argv.insert(probe.argv.begin(), {"/bin/sh", "-c"});
  return probe;
}

}  // namespace

void HealthSchedule::Start() {
  Stop();
  active_ = true;
  suspended_ = false;
  state_ = {.status = "starting"};
  startup_successes_ = startup_failures_ = 0;
  starting_up_ = !config_.startup_command.empty();
  settled_ = config_.start_period_ns == 0;
  if (!settled_)
    start_period_ = world_.after(config_.start_period_ns, [this] {
      start_period_ = 0;
      settled_ = true;
    });
  world_.changed(state_);
  ScheduleNext();
}

void HealthSchedule::Stop() {
  generation_++;
  active_ = running_ = false;
  for (uint64_t* timer : {&timer_, &start_period_})
    if (*timer != 0) world_.cancel(std::exchange(*timer, 0));
  Refuse("the container has ended");
}

// Whoever waits for a check that does not come hears that it failed.
void HealthSchedule::Refuse(const char* why) {
  for (Done& done : std::exchange(waiting_, {})) done({.exit_code = -1, .output = why});
}

void HealthSchedule::Suspend(bool wait) {
  if (!active_ || suspended_ == wait) return;
  suspended_ = wait;
  if (!wait) return ScheduleNext();
  generation_++;
  running_ = false;
  if (timer_ != 0) world_.cancel(std::exchange(timer_, 0));
  Refuse("the container is paused");
}

void HealthSchedule::RunNow(Done done) {
  if (!active_ || suspended_) return done({.exit_code = -1, .output = "the container does not run"});
  waiting_.push_back(std::move(done));
  if (!running_) Check();
}

void HealthSchedule::ScheduleNext() {
  int64_t interval = starting_up_ ? config_.startup_interval_ns : config_.interval_ns;
  if (interval <= 0) return;  // --health-interval=disable
  timer_ = world_.after(std::max(interval, kShortestInterval), [this] {
    timer_ = 0;
    Check();
  });
}

void HealthSchedule::Check() {
  if (timer_ != 0) world_.cancel(std::exchange(timer_, 0));
  running_ = true;
  Probe probe = starting_up_
                    ? ProbeOf(config_.startup_command, config_.startup_shell, config_.startup_timeout_ns)
                    : ProbeOf(config_.command, config_.shell, config_.timeout_ns);
  world_.run(probe, [this, generation = generation_](const HealthResult& result) {
    if (generation == generation_) Finish(result);
  });
}

void HealthSchedule::Finish(HealthResult result) {
  running_ = false;
  bool success = result.exit_code == 0;
  for (Done& done : std::exchange(waiting_, {})) done(result);
  state_.log.push_back(std::move(result));
  if (state_.log.size() > kKeptResults) state_.log.erase(state_.log.begin());
  uint64_t generation = generation_;
  if (starting_up_)
    CountStartup(success);
  else
    Count(success);
  if (generation == generation_) ScheduleNext();  // `failed` may have ended or started it anew
}

void HealthSchedule::CountStartup(bool success) {
  if (success) {
    startup_failures_ = 0;
    if (++startup_successes_ >= std::max(config_.startup_success, 1)) starting_up_ = false;
  } else {
    startup_successes_ = 0;
    startup_failures_++;
  }
  world_.changed(state_);
  if (config_.startup_retries > 0 && startup_failures_ >= config_.startup_retries) world_.failed();
}

void HealthSchedule::Count(bool success) {
  if (success) {
    state_.status = "healthy";
    state_.failing = 0;
  } else if (settled_ || state_.status != "starting") {
    state_.failing++;
    if (state_.failing >= config_.retries) state_.status = "unhealthy";
  }
  world_.changed(state_);
  if (!success && state_.status == "unhealthy") world_.failed();
}

}  // namespace wolffia
