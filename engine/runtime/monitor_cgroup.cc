// The monitor's part in the container's cgroup: what is asked of systemd, and what the kernel tells of
// memory.
#include <sys/epoll.h>

#include <csignal>

#include "engine/runtime/monitor_state.h"

namespace wolffia {

// Early, so that systemd works while record and layers are read.
Result<> Monitor::BeginCgroup(const CgroupConfig& config) {
  auto begun = ContainerCgroup::Begin(context_, config, id_);
  if (!begun && config.limits.Any()) return std::unexpected(std::move(begun.error()));
  if (begun)
    cgroup_ = std::move(*begun);
  else
    context_.Warn("the container has no cgroup of its own: " + begun.error().what);
  return {};
}

void Monitor::WatchMemory() {
  ForgetMemory();
  oom_kills_ = 0;
  if (!cgroup_) return;
  auto watch = MemoryWatch::Begin(cgroup_->path());
  if (!watch) return;  // no memory controller: the kernel kills nothing for its sake
  memory_ = std::move(*watch);
  (void)loop_->Watch(memory_->fd(), EPOLLIN, [this](uint32_t) {
    memory_->Drain();
    NoteOom();
  });
}

void Monitor::ForgetMemory() {
  if (!memory_) return;
  NoteOom();  // its end may be what comes of it, and is seen first
  loop_->Forget(memory_->fd());
  memory_.reset();
}

void Monitor::NoteOom() {
  const int64_t kills = cgroup_ ? cgroup_->OomKills() : 0;
  if (kills > oom_kills_) Tell("oom");
  oom_kills_ = kills;
}

// By its cgroup none can escape, whatever namespaces it has.
void Monitor::KillAll() {
  if (!cgroup_ || !cgroup_->Kill()) (void)running_->child().Signal(SIGKILL);
}

Result<> Monitor::StopProcesses() {
  if (cgroup_) return cgroup_->Freeze(true);
  stopped_before_ = TRY(PauseProcesses(running_->proc()));
  return {};
}

Result<> Monitor::LetProcessesGo() {
  return cgroup_ ? cgroup_->Freeze(false) : ContinueProcesses(running_->proc(), stopped_before_);
}

}  // namespace wolffia
