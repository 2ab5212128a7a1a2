// When health checks run and what their results mean, with a clock that the test turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/runtime/health_schedule.h"

namespace wolffia {
namespace {

using testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000'000;

struct Rig {
  explicit Rig(HealthConfig config)
      : schedule(std::move(config),
                 {.after =
                      [this](int64_t ns, std::function<void()> due) {
                        timers[++last_timer] = {now + ns, std::move(due)};
                        return last_timer;
                      },
                  .cancel = [this](uint64_t timer) { timers.erase(timer); },
                  .run =
                      [this](const HealthSchedule::Probe& probe, HealthSchedule::Done done) {
                        started.push_back(now / kSecond);
                        argv = probe.argv;
                        pending = std::move(done);
                      },
                  .changed = [this](const HealthState& state) { published = state; },
                  .failed =
                      [this] {
                        failures++;
                        if (stop_on_failure) schedule.Stop();
                      }}) {}

  // Lets time pass; a check that has started ends at once with the next of `results`, while there are some.
  void Advance(int64_t seconds) {
    const int64_t end = now + seconds * kSecond;
    for (;;) {
      while (pending && !results.empty()) {
        HealthSchedule::Done done = std::exchange(pending, nullptr);
        HealthResult result{.start_ns = now, .end_ns = now, .exit_code = results.front(), .output = "x"};
        results.erase(results.begin());
        done(result);
      }
      auto next = timers.begin();
      for (auto it = timers.begin(); it != timers.end(); ++it)
        if (it->second.first < next->second.first) next = it;
      if (next == timers.end() || next->second.first > end) break;
      now = next->second.first;
      auto due = std::move(next->second.second);
      timers.erase(next);
      due();
    }
    now = end;
  }

  int64_t now = 0;
  uint64_t last_timer = 0;
  std::map<uint64_t, std::pair<int64_t, std::function<void()>>> timers;
  std::vector<int64_t> started;
  std::vector<int> results;
  std::vector<std::string> argv;
  HealthSchedule::Done pending;
  HealthState published;
  int failures = 0;
  bool stop_on_failure = false;
  HealthSchedule schedule;
};

HealthConfig Every10Seconds() {
  HealthConfig config;
  config.command = {"test -e /ok"};
  config.shell = true;
  config.interval_ns = 10 * kSecond;
  return config;
}

TEST(HealthSchedule, FirstCheckComesAfterAnInterval) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  EXPECT_EQ(rig.published.status, "starting");
  rig.results = {0, 0};
  rig.Advance(25);
  EXPECT_THAT(rig.started, ElementsAre(10, 20));
  EXPECT_THAT(rig.argv, ElementsAre("/bin/sh", "-c", "test -e /ok"));
  EXPECT_EQ(rig.published.status, "healthy");
}

TEST(HealthSchedule, RetriesThenUnhealthyThenHealthyAgain) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  rig.results = {1, 1};
  rig.Advance(20);
  EXPECT_EQ(rig.published.status, "starting");
  EXPECT_EQ(rig.published.failing, 2);
  rig.results = {1};
  rig.Advance(10);
  EXPECT_EQ(rig.published.status, "unhealthy");
  EXPECT_EQ(rig.failures, 1);
  rig.results = {0};
  rig.Advance(10);
  EXPECT_EQ(rig.published.status, "healthy");
  EXPECT_EQ(rig.published.failing, 0);
  rig.results = {1, 1, 0};
  rig.Advance(30);
  EXPECT_EQ(rig.published.log.size(), 5u);
  EXPECT_EQ(rig.failures, 1);
}

TEST(HealthSchedule, StartPeriodForgivesUntilTheFirstSuccess) {
  HealthConfig config = Every10Seconds();
  config.start_period_ns = 35 * kSecond;
  config.retries = 1;
  Rig rig(config);
  rig.schedule.Start();
  rig.results = {1, 1, 1};
  rig.Advance(31);
  EXPECT_EQ(rig.published.status, "starting");
  EXPECT_EQ(rig.published.failing, 0);
  rig.results = {1};
  rig.Advance(10);
  EXPECT_EQ(rig.published.status, "unhealthy");

  Rig early(config);
  early.schedule.Start();
  early.results = {0, 1};
  early.Advance(20);
  EXPECT_EQ(early.published.status, "unhealthy") << "after a success failures count";
}

TEST(HealthSchedule, NextIsCountedFromTheEndOfTheLast) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  rig.Advance(17);  // begun at 10, still running
  rig.results = {0};
  rig.Advance(0);
  rig.results = {0};
  rig.Advance(11);
  EXPECT_THAT(rig.started, ElementsAre(10, 27));
}

TEST(HealthSchedule, RunNowJoinsOrBeginsAndNeedsNoInterval) {
  HealthConfig config = Every10Seconds();
  config.interval_ns = 0;
  Rig rig(config);
  std::vector<int> told;
  auto tell = [&](const HealthResult& result) { told.push_back(result.exit_code); };
  rig.schedule.RunNow(tell);
  EXPECT_THAT(told, ElementsAre(-1)) << "it does not run";
  rig.schedule.Start();
  rig.Advance(100);
  EXPECT_TRUE(rig.started.empty());
  rig.schedule.RunNow(tell);
  rig.schedule.RunNow(tell);
  rig.results = {3};
  rig.Advance(0);
  EXPECT_THAT(told, ElementsAre(-1, 3, 3));
  EXPECT_EQ(rig.started.size(), 1u);
  rig.schedule.RunNow(tell);
  rig.schedule.Stop();
  EXPECT_THAT(told, ElementsAre(-1, 3, 3, -1)) << "the end answers everybody";
}

TEST(HealthSchedule, StopForgetsACheckThatRuns) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  rig.Advance(10);
  ASSERT_TRUE(rig.pending);
  rig.schedule.Stop();
  rig.schedule.Start();
  rig.pending({.exit_code = 1, .output = ""});  // of the life before
  EXPECT_TRUE(rig.published.log.empty());
  rig.schedule.Stop();
  EXPECT_TRUE(rig.timers.empty());
}

TEST(HealthSchedule, FailedMayStopIt) {
  HealthConfig config = Every10Seconds();
  config.retries = 1;
  Rig rig(config);
  rig.stop_on_failure = true;
  rig.schedule.Start();
  rig.results = {1};
  rig.Advance(50);
  EXPECT_EQ(rig.failures, 1);
  EXPECT_TRUE(rig.timers.empty());
}

TEST(HealthSchedule, SuspendedChecksWait) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  rig.schedule.Suspend(true);
  rig.Advance(45);
  EXPECT_TRUE(rig.started.empty());
  rig.schedule.Suspend(false);
  rig.Advance(10);
  EXPECT_THAT(rig.started, ElementsAre(55));
}

// What it waits for would not come: everything in the container is stopped.
TEST(HealthSchedule, ACheckThatRunsWhenItIsSuspendedIsNotCounted) {
  Rig rig(Every10Seconds());
  rig.schedule.Start();
  rig.Advance(10);
  ASSERT_TRUE(rig.pending);
  std::string heard;
  rig.schedule.RunNow([&](const HealthResult& result) { heard = result.output; });
  rig.schedule.Suspend(true);
  EXPECT_EQ(heard, "the container is paused");
  rig.results = {1, 0};
  rig.Advance(40);
  EXPECT_TRUE(rig.published.log.empty());
  rig.schedule.RunNow([&](const HealthResult& result) { heard = result.output; });
  EXPECT_EQ(heard, "the container does not run");
  rig.schedule.Suspend(false);
  rig.Advance(10);
  EXPECT_EQ(rig.published.status, "healthy");
}

TEST(HealthSchedule, StartupCommandFirst) {
  HealthConfig config = Every10Seconds();
  config.startup_command = {"ready", "-q"};
  config.startup_interval_ns = 2 * kSecond;
  config.startup_success = 2;
  config.startup_retries = 3;
  Rig rig(config);
  rig.schedule.Start();
  rig.results = {1, 1, 0};
  rig.Advance(6);
  EXPECT_THAT(rig.argv, ElementsAre("ready", "-q"));
  EXPECT_EQ(rig.published.status, "starting");
  EXPECT_EQ(rig.failures, 0);
  rig.results = {0};
  rig.Advance(2);
  EXPECT_FALSE(rig.schedule.starting_up());
  rig.results = {0};
  rig.Advance(10);
  EXPECT_THAT(rig.started, ElementsAre(2, 4, 6, 8, 18));
  EXPECT_EQ(rig.argv[0], "/bin/sh");
  EXPECT_EQ(rig.published.status, "healthy");

  Rig bad(config);
  bad.schedule.Start();
  bad.results = {1, 1, 1};
  bad.Advance(6);
  EXPECT_EQ(bad.failures, 1);
}

TEST(HealthSchedule, AnIntervalOfNothingIsNotABusyLoop) {
  HealthConfig config = Every10Seconds();
  config.interval_ns = 1;
  Rig rig(config);
  rig.schedule.Start();
  rig.results.assign(1000, 0);
  rig.Advance(1);
  EXPECT_LE(rig.started.size(), 100u);
}

}  // namespace
}  // namespace wolffia
