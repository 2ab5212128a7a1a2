#include "engine/cgroup/container_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "engine/base/file.h"
#include "engine/cgroup/cgroup_file.h"
#include "engine/cgroup/io_weighing.h"
#include "engine/cgroup/limit_support.h"

namespace wolffia {
namespace {

constexpr int64_t kPatience = 5'000'000'000, kShortPatience = 1'000'000'000;
constexpr int kMaxRounds = 100;  // of moving processes that make others meanwhile
constexpr const char *kPayload = "payload", *kSupervisor = "supervisor";

Result<> MakeDirectoryAt(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return FailErrno("make the cgroup " + name);
}

// Moves every process of `from` to `to`; those that end meanwhile are no loss.
Result<> MoveAll(int from, int to) {
  for (int round = 0; round < kMaxRounds; round++) {
    const std::string text = TRY(ReadCgroupFile(from, "cgroup.procs"));
    if (text.empty()) return {};
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string pid = text.substr(at, end - at);
      at = end + 1;
      auto moved = WriteCgroupFile(to, "cgroup.procs", pid);
      if (!moved && moved.error().os_errno != ESRCH) return std::move(moved).With("move process " + pid);
    }
  }
  return Fail(Code::kBusy, "processes appear faster than they can be moved");
}

// At once, else one by one: a controller that cannot be handed down now does not keep the others.
void HandDown(int cgroup, const std::vector<std::string>& controllers) {
  std::string all;
  for (const std::string& name : controllers) all += (all.empty() ? "+" : " +") + name;
  if (all.empty() || WriteCgroupFile(cgroup, "cgroup.subtree_control", all)) return;
  for (const std::string& name : controllers)
    (void)WriteCgroupFile(cgroup, "cgroup.subtree_control", "+" + name);
}

std::vector<std::string> ControllersOf(int cgroup) {
  std::vector<std::string> names;
  const std::string text = ReadCgroupFile(cgroup, "cgroup.controllers").value_or("");
  for (size_t at = 0; (at = text.find_first_not_of(" \n", at)) != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    names.push_back(text.substr(at, end - at));
    at = end;
  }
  return names;
}

}  // namespace

Result<std::optional<ContainerCgroup>> ContainerCgroup::Begin(const Context& context, CgroupConfig config,
                                                              const std::string& id) {
  std::optional<ContainerCgroup> none;
  if (config.mode == "disabled") return none;
  CgroupHost host = CgroupHost::Detect(context, WishOf(config), getuid());
  TRY(CheckCgroupSupport(host, config));
  if (host.way == CgroupHost::Way::kNone) return none;
  ContainerCgroup cgroup(std::move(host), std::move(config), id);
  if (cgroup.host_.way == CgroupHost::Way::kSystemd) {
    const std::string& parent = cgroup.config_.parent;
    const ResourceLimits& limits = cgroup.config_.limits;
    cgroup.scope_ =
        TRY(CgroupScope::Request(cgroup.host_, {.id = id,
                                                .slice = parent.empty() ? "user.slice" : parent,
                                                .description = "wolffia container " + id.substr(0, 12),
                                                .pid = getpid(),
                                                .weights = ScopeWeightsHere(limits, cgroup.host_.mount)}));
  }
  return std::optional(std::move(cgroup));
}

Result<> ContainerCgroup::Prepare(const ResourceLimits& limits) {
  if (!std::exchange(entered_, true)) TRY(Enter());
  if (!top_) return Fail(Code::kIo, "the container's cgroup could not be made");
  TRY(MakePayload());
  return WriteLimits(payload_.get(), PlanLimits(limits));
}

Result<> ContainerCgroup::Enter() {
  if (scope_) {
    TRY(scope_->Await());
    // Where systemd has put us, whatever it called the slices.
    const CgroupHost now = CgroupHost::Detect(Context(), {.below_own = true}, host_.uid);
    if (!now.own.ends_with("/" + scope_->unit()))
      return Fail(Code::kIo, "systemd made the scope " + scope_->unit() + ", and did not put us into it");
    directory_ = now.own;
    scope_.reset();
  } else {
    TRY(MakeOwn());
  }
  Fd top = TRY(OpenDirectory(AT_FDCWD, directory_));
  top_ = std::move(top);
  auto divided = Divide();
  if (!divided) top_.Reset();
  return divided;
}

Result<> ContainerCgroup::MakeOwn() {
  Fd base = TRY(OpenDirectory(AT_FDCWD, host_.base));
  if (host_.busy && config_.move_own && host_.own.starts_with(host_.base)) TRY(MoveAside());
  HandDown(base.get(), host_.controllers);
  const std::string name = "wolffia-" + id_;
  TRY(MakeDirectoryAt(base.get(), name));
  directory_ = host_.base + "/" + name;
  return {};
}

// cgroups.move_own: the kernel hands controllers down only from a cgroup without processes.
Result<> ContainerCgroup::MoveAside() {
  Fd base = TRY(OpenDirectory(AT_FDCWD, host_.base));
  const std::string name(kAsideName);
  TRY(MakeDirectoryAt(base.get(), name));
  Fd aside = TRY(OpenDirectory(base.get(), name));
  return MoveAll(base.get(), aside.get()).With("cgroups.move_own");
}

// Into two: nobody may be left in the middle when the controllers are handed down.
Result<> ContainerCgroup::Divide() {
  TRY(MakeDirectoryAt(top_.get(), kSupervisor));
  Fd supervisor = TRY(OpenDirectory(top_.get(), kSupervisor));
  TRY_WITH(WriteCgroupFile(supervisor.get(), "cgroup.procs", "0"), "enter the container's cgroup");
  TRY(MoveAll(top_.get(), supervisor.get()));
  HandDown(top_.get(), ControllersOf(top_.get()));
  return {};
}

// New for each start, so that its counters are of this one.
Result<> ContainerCgroup::MakePayload() {
  payload_.Reset();
  if (auto removed = RemoveCgroup(top_.get(), kPayload); !removed) {
    // A process that was killed and is not quite gone yet.
    Fd old = TRY(OpenDirectory(top_.get(), kPayload));
    (void)WriteCgroupFile(old.get(), "cgroup.kill", "1");
    TRY_WITH(AwaitCgroupEvent(old.get(), "populated", 0, kPatience), "end what an earlier start left");
    TRY_WITH(RemoveCgroup(top_.get(), kPayload), "of an earlier start");
  }
  TRY(MakeDirectoryAt(top_.get(), kPayload));
  payload_ = TRY(OpenDirectory(top_.get(), kPayload));
  path_ = directory_ + "/" + kPayload;
  return {};
}

Result<> ContainerCgroup::Freeze(bool freeze) {
  TRY(WriteCgroupFile(payload_.get(), "cgroup.freeze", freeze ? "1" : "0"));
  auto frozen = AwaitCgroupEvent(payload_.get(), "frozen", freeze ? 1 : 0, kPatience);
  if (!frozen && freeze) (void)WriteCgroupFile(payload_.get(), "cgroup.freeze", "0");
  return frozen;
}

bool ContainerCgroup::Kill() {
  return payload_ && WriteCgroupFile(payload_.get(), "cgroup.kill", "1").has_value();
}

int64_t ContainerCgroup::OomKills() const {
  if (!payload_) return 0;
  auto events = ReadCgroupFile(payload_.get(), "memory.events");
  return events ? CgroupNumber(*events, "oom_kill") : 0;
}

ContainerCgroup::~ContainerCgroup() {
  if (!top_) return;
  if (payload_) {
    (void)AwaitCgroupEvent(payload_.get(), "populated", 0, kShortPatience);
    (void)RemoveCgroup(top_.get(), kPayload);
  }
  if (host_.way == CgroupHost::Way::kSystemd) return;  // systemd removes the rest once we are gone
  for (const std::string& home : {host_.own, host_.base + "/" + std::string(kAsideName)})
    if (auto fd = OpenDirectory(AT_FDCWD, home); fd && WriteCgroupFile(fd->get(), "cgroup.procs", "0")) break;
  if (auto supervisor = OpenDirectory(top_.get(), kSupervisor))
    (void)AwaitCgroupEvent(supervisor->get(), "populated", 0, kShortPatience);
  unlinkat(top_.get(), kSupervisor, AT_REMOVEDIR);
  rmdir(directory_.c_str());
}

void RemoveLeftCgroup(const std::string& payload) {
  const std::string suffix = std::string("/") + kPayload;
  if (!payload.ends_with(suffix) || payload.find("/wolffia-") == std::string::npos) return;
  const std::string directory = payload.substr(0, payload.size() - suffix.size());
  if (directory.ends_with(".scope")) return;
  auto top = OpenDirectory(AT_FDCWD, directory);
  if (!top) return;
  for (const char* name : {kPayload, kSupervisor}) (void)RemoveCgroup(top->get(), name);
  rmdir(directory.c_str());
}

}  // namespace wolffia
