// HealthProbe: one run of a health check. It ends in one of three ways: the command has ended, it took too
// long and was killed, or it could not be started.
#pragma once

#include "engine/base/context.h"
#include "engine/base/event_loop.h"
#include "engine/base/process.h"
#include "engine/runtime/health_schedule.h"
#include "storage/container_store.h"

namespace wolffia {

class HealthProbe {
 public:
  HealthProbe(EventLoop& loop, const Context& context, HealthSchedule::Probe probe, HealthSchedule::Done done)
      : loop_(loop), context_(context), probe_(std::move(probe)), done_(std::move(done)) {}
  HealthProbe(const HealthProbe&) = delete;
  ~HealthProbe() { Close(); }  // a command that runs is killed

  // `done` is called once, later, even if this fails; it may destroy the probe.
  void Start(const Store& store, const std::string& container_id, int init_pidfd);

 private:
  Result<> Begin(const Store& store, const std::string& container_id, int init_pidfd);
  void ReadOutput();
  void HearHelper();
  void End();
  void Finish(int exit_code);
  void Close();

  EventLoop& loop_;
  const Context& context_;
  const HealthSchedule::Probe probe_;
  HealthSchedule::Done done_;
  HealthResult result_;
  Child helper_;
  Fd control_, output_;
  EventLoop::TimerId timer_ = 0;  // of the time that it has; of a start that failed
  int exit_code_ = 125;
  bool too_long_ = false;
};

}  // namespace wolffia
