// wolffia update: limits and the restart policy of containers, whether they run or not. Live, and all or
// nothing: what the kernel has taken is taken back where the rest fails.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "cmd/container_control.h"
#include "cmd/run_flags.h"
#include "cmd/verbs.h"
#include "engine/cgroup/cgroup_file.h"
#include "engine/cgroup/cgroup_scope.h"
#include "engine/cgroup/io_weighing.h"
#include "engine/cgroup/limit_support.h"
#include "engine/runtime/events.h"
#include "engine/runtime/restart_policy.h"
#include "storage/container_edit.h"

namespace wolffia {
namespace {

class Update {
 public:
  Update(const Command& command, const Store& store) : command_(command), store_(store) {}

  Result<> Apply(const std::string& id) {
    const OptionValues& options = command_.options();
    undo_.clear();
    auto changed = ChangeContainer(store_, id, [&](ContainerRecord& record) -> Result<> {
      if (options.Has("restart")) TRY(SetPolicy(record));
      if (ChangesLimits()) return SetLimits(record);
      return {};
    });
    if (!changed && cgroup_) TakeBackLimits(cgroup_.get(), undo_);
    cgroup_.Reset();
    TRY(std::move(changed));
    const ContainerStatus status = TRY(ContainerStore(store_).Get(id));
    if (options.Has("restart") && HasMonitor(status))  // one that ends meanwhile reads its record
      TRY(AskMonitor(store_, status,
                     RestartPolicyRequest{status.record.restart_policy, status.record.restart_retries}));
    if (options.Has("blkio-weight")) WarnOfIoWeight(command_.context, status.record.cgroup);
    WriteContainerEvent(command_.context, store_, id, "update");
    return {};
  }

 private:
  bool ChangesLimits() const {
    for (const auto& [option, value] : command_.options().given())
      if (option->name != "restart" && option->name != "latest") return true;
    return false;
  }

  Result<> SetPolicy(ContainerRecord& record) {
    const RestartPolicy policy = TRY(ParseRestartPolicy(command_.options().String("restart")));
    if (record.auto_remove && policy.Restarts())
      return Fail(Code::kInvalid, "--restart: the container was made with --rm, and is removed when it ends");
    record.restart_policy = policy.name;
    record.restart_retries = policy.retries;
    return {};
  }

  Result<> SetLimits(ContainerRecord& record) {
    ResourceLimits& limits = record.cgroup.limits;
    TRY(ReadLimitFlags(command_.options(), limits));
    const ContainerStatus status = TRY(ContainerStore(store_).Get(record.id));
    const bool runs = status.state == ContainerState::kRunning && status.started &&
                      status.phase != Phase::kMounted && status.phase != Phase::kRestarting;
    if (!runs || status.started->cgroup.empty())
      TRY(CheckCgroupSupport(CgroupHost::Detect(command_.context, WishOf(record.cgroup), getuid()),
                             record.cgroup));
    if (!runs) return {};
    const std::vector<CgroupWrite> writes = PlanLimits(limits);
    if (status.started->cgroup.empty() && std::ranges::all_of(writes, &CgroupWrite::optional)) return {};
    if (status.started->cgroup.empty())
      return Fail(Code::kBusy,
                  "the container runs without a cgroup of its own: stop it, update it, and start it "
                  "again: container state improper");
    cgroup_ = TRY_WITH(OpenDirectory(AT_FDCWD, status.started->cgroup), "the container's cgroup");
    TRY(WriteLimits(cgroup_.get(), writes, &undo_));
    TellSystemd(status.started->cgroup, limits);
    return {};
  }

  // They hold already; but it would write its own again when it is told to read its files.
  void TellSystemd(const std::string& payload, const ResourceLimits& limits) {
    const std::string top = payload.substr(0, payload.rfind('/'));
    if (!top.ends_with(".scope")) return;
    const CgroupHost host = CgroupHost::Detect(command_.context, {}, getuid());
    const ScopeWeights weights = ScopeWeightsHere(limits, host.mount);
    if (host.way != CgroupHost::Way::kSystemd || weights == ScopeWeights()) return;
    auto told = SetScopeWeights(host, top.substr(top.rfind('/') + 1), weights);
    if (!told) command_.context.Warn(told.error().what);
  }

  const Command& command_;
  const Store& store_;
  Fd cgroup_;
  LimitUndo undo_;
};

}  // namespace

Result<int> UpdateVerb(const Command& command) {
  if (command.options().given().empty())
    return Fail(Code::kInvalid, "nothing to update: name a limit, or --restart");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  std::vector<ChosenOne> containers = TRY(SelectContainers(command, session.store));
  Update update(command, session.store);
  return ForEachContainer(containers,
                          [&](const ChosenOne& one) { return update.Apply(one.status.record.id); });
}

}  // namespace wolffia
