#include "engine/runtime/health.h"

#include <optional>

#include "engine/runtime/events.h"
#include "engine/runtime/health_probe.h"

namespace wolffia {

class HealthChecker::Impl {
 public:
  Impl(EventLoop& loop, const Context& context, const Store& store, std::string id, HealthConfig config,
       std::function<void(const HealthState&)> changed, std::function<void()> failed)
      : loop_(loop),
        context_(context),
        store_(store),
        id_(std::move(id)),
        changed_(std::move(changed)),
        schedule_(std::move(config),
                  {.after = [this](int64_t ns,
                                   std::function<void()> due) { return loop_.After(ns, std::move(due)); },
                   .cancel = [this](uint64_t timer) { loop_.Cancel(timer); },
                   .run = [this](const HealthSchedule::Probe& probe,
                                 HealthSchedule::Done done) { Run(probe, std::move(done)); },
                   .changed = [this](const HealthState& state) { Publish(state); },
                   .failed = std::move(failed)}) {}

  void Start(int init_pidfd) {
    init_ = init_pidfd;
    schedule_.Start();
  }
  void Stop() {
    schedule_.Stop();
    probe_.reset();
  }
  // A check that runs would be stopped like all else in the container, until it has taken too long.
  void Suspend(bool wait) {
    schedule_.Suspend(wait);
    if (wait) probe_.reset();
  }
  HealthSchedule& schedule() { return schedule_; }

 private:
  void Run(const HealthSchedule::Probe& probe, HealthSchedule::Done done) {
    probe_.emplace(loop_, context_, probe, std::move(done));
    probe_->Start(store_, id_, init_);
  }

  void Publish(const HealthState& state) {
    if (!state.log.empty())  // as podman, of each check
      WriteContainerEvent(context_, store_, id_, "health_status", {{"health_status", state.status}});
    changed_(state);
  }

  EventLoop& loop_;
  const Context& context_;
  const Store& store_;
  const std::string id_;
  const std::function<void(const HealthState&)> changed_;
  int init_ = -1;
  std::optional<HealthProbe> probe_;
  HealthSchedule schedule_;
};

HealthChecker::HealthChecker(EventLoop& loop, const Context& context, const Store& store, std::string id,
                             HealthConfig config, std::function<void(const HealthState&)> changed,
                             std::function<void()> failed)
    : impl_(std::make_unique<Impl>(loop, context, store, std::move(id), std::move(config), std::move(changed),
                                   std::move(failed))) {}
HealthChecker::~HealthChecker() {
  impl_->Stop();
}

void HealthChecker::Start(int init_pidfd) {
  impl_->Start(init_pidfd);
}
void HealthChecker::Stop() {
  impl_->Stop();
}
void HealthChecker::Suspend(bool wait) {
  impl_->Suspend(wait);
}
void HealthChecker::RunNow(std::function<void(Health)> done) {
  impl_->schedule().RunNow(
      [done = std::move(done)](const HealthResult& result) { done({result.exit_code, result.output}); });
}
const HealthState& HealthChecker::state() const {
  return impl_->schedule().state();
}

}  // namespace wolffia
