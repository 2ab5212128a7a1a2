#include "cmd/container_launch.h"

#include <poll.h>

#include "cmd/container_control.h"
#include "cmd/required_guarantees.h"
#include "cmd/run_root.h"

namespace wolffia {
namespace {

constexpr int kPatienceMs = 10'000, kPauseMs = 20;

// The lock of a container that does not run; nullopt if it does.
Result<std::optional<NewContainer>> TakeFromCopies(const Store& store, const std::string& id) {
  ContainerStore containers(store);
  for (int waited = 0;; waited += kPauseMs) {
    auto taken = TRY(containers.Take(id));
    if (taken) return taken;
    const Phase phase = TRY(containers.Get(id)).phase;
    if (phase == Phase::kNone) continue;  // just now
    if (phase != Phase::kMounted) return taken;
    if (waited >= kPatienceMs)
      return Fail(Code::kBusy, "container " + id.substr(0, 12) +
                                   " has been busy with copies of its files for 10 seconds; try again later");
    poll(nullptr, 0, kPauseMs);
  }
}

}  // namespace

Result<std::optional<StartedContainer>> LaunchIfStopped(const Command& command, const Store& store,
                                                        const ContainerStatus& status,
                                                        const std::optional<AttachOptions>& options,
                                                        StartMode mode) {
  const ContainerRecord& record = status.record;
  auto taken = TRY(TakeFromCopies(store, record.id));
  if (!taken) return std::optional<StartedContainer>();
  TRY(CheckRequired(command, store, record));
  if (record.rootfs.empty()) TRY(OpenLayers(command, store, record.chain, record.diff_ids));
  for (const ImageUse& use : record.images) TRY(OpenLayers(command, store, use.chain, use.diff_ids));
  return std::optional<StartedContainer>(
      TRY(StartMonitor(command.context, store, std::move(*taken), options, mode)));
}

Result<> LaunchInBackground(const Command& command, const Store& store, const ContainerStatus& status) {
  if (status.phase == Phase::kInitialized) {
    auto answer = AskMonitor(store, status, GoRequest{});
    if (!answer && answer.error().code != Code::kBusy) return std::unexpected(std::move(answer.error()));
    if (!answer || *answer) return {};  // it runs
  }
  auto started = TRY(LaunchIfStopped(command, store, status, std::nullopt));
  if (started) started->monitor.Detach();
  return {};
}

}  // namespace wolffia
