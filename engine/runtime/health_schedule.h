// HealthSchedule: when a container's health checks run, and what their results make of its health. It starts
// no process and has no clock: both are given to it, so that tests make time pass.
//
//   Start -> interval -> check -> interval after its end -> check ...
//   starting --success--> healthy --`retries` failures in a row--> unhealthy --success--> healthy
//
// Failures of the start period do not count until a check has succeeded. With a startup command, that one is
// run first, until it has succeeded often enough; the health check proper begins then.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "storage/container_parts.h"

namespace wolffia {

class HealthSchedule {
 public:
  // One check: what is executed, and for how long.
  struct Probe {
    std::vector<std::string> argv;
    int64_t timeout_ns = 0;
  };
  using Done = std::function<void(const HealthResult&)>;
  struct World {
    std::function<uint64_t(int64_t nanoseconds, std::function<void()> due)> after;
    std::function<void(uint64_t timer)> cancel;
    std::function<void(const Probe&, Done)> run;  // calls Done once, later
    std::function<void(const HealthState&)> changed;
    std::function<void()> failed;  // unhealthy, or the startup check has failed too often
  };

  HealthSchedule(HealthConfig config, World world) : config_(std::move(config)), world_(std::move(world)) {}
  HealthSchedule(const HealthSchedule&) = delete;
  ~HealthSchedule() { Stop(); }

  void Start();             // a container's start: everything from the beginning
  void Stop();              // no check is due any more; the result of one that runs is not counted
  void Suspend(bool wait);  // a paused container's checks wait; one that runs is not counted
  void RunNow(Done done);   // also if no interval is set; joins a check that runs
  const HealthState& state() const { return state_; }
  bool starting_up() const { return starting_up_; }  // the startup command is still what runs

 private:
  void ScheduleNext();
  void Check();
  void Refuse(const char* why);
  void Finish(HealthResult result);
  void CountStartup(bool success);
  void Count(bool success);

  const HealthConfig config_;
  const World world_;
  HealthState state_;
  std::vector<Done> waiting_;
  uint64_t timer_ = 0, start_period_ = 0;  // 0: none
  uint64_t generation_ = 0;                // of Start and Stop: an older check's result is not counted
  bool active_ = false, running_ = false, suspended_ = false;
  bool settled_ = false;  // the start period is over
  bool starting_up_ = false;
  int startup_successes_ = 0, startup_failures_ = 0;
};

}  // namespace wolffia
