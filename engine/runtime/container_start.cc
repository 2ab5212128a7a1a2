#include "engine/runtime/container_start.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/file.h"
#include "engine/base/random.h"
#include "engine/runtime/fresh_overlays.h"
#include "engine/runtime/join_target.h"
#include "engine/runtime/landlock_annotation.h"
#include "engine/runtime/network_start.h"
#include "engine/runtime/own_files.h"
#include "engine/runtime/pid_file.h"
#include "engine/runtime/process_identity.h"
#include "engine/runtime/remove_tree.h"
#include "engine/runtime/seccomp.h"
#include "network/bypass_policy.h"
#include "storage/image_store.h"

namespace wolffia {
namespace {

struct Prepared {
  RuntimeSpec spec;
  HostFacts host;
  std::shared_ptr<const Lower> lower;  // of a layered root
  std::vector<std::shared_ptr<const Lower>> images;
  LaunchPlan plan;
  std::optional<JoinedNamespaces> joined;  // named by the plan
  bool fresh_upper = false;                // of the kernel's, on the disk
};

IdView ViewOf(const RuntimeSpec& spec) {
  return IdMaps{spec.uid_mappings, spec.gid_mappings, false}.View();
}

// True if only the engine's own mounts, which bring no programs, lie over the image.
bool OnlyOwnMounts(const RuntimeSpec& spec) {
  static constexpr std::string_view kOwn[] = {
      "/proc",      "/sys",          "/sys/fs/cgroup",   "/dev",        "/run",       "/run/.containerenv",
      "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group", "/tmp",
      "/var/tmp"};
  return std::ranges::all_of(spec.mounts, [](const SpecMount& mount) {
    return mount.destination.starts_with("/dev/") ||
           std::ranges::find(kOwn, mount.destination) != std::end(kOwn);
  });
}

// A path of PATH that is not there costs the child a round trip to the FUSE server for each component; the
// index knows at once. Where a fresh root is the image alone, only what the image has is tried; if that is
// nothing, all is, so that the error is the kernel's.
void DropAbsentCandidates(const LowerIndex& index, std::vector<std::string>& candidates) {
  std::vector<std::string> present;
  for (const std::string& path : candidates) {
    bool relative = !path.starts_with('/');  // to the working directory, which is not looked up here
    auto node = index.Resolve(path);
    if (relative || node || node.error().code != Code::kNotFound) present.push_back(path);
  }
  if (!present.empty()) candidates = std::move(present);
}

// As the record says. The kernel's overlayfs makes work/work at its first mount, after the upper's root has
// got its owner: until then the upper is fresh, whatever was tried.
Result<> ReadUpper(const ContainerRecord& record, RootSource& root) {
  if (record.upper != "kernel" && record.upper != "fuse")
    return Fail(Code::kUnsupported, "the container was made with the upper \"" + record.upper +
                                        "\", which this version does not have");
  root.fuse_upper = record.upper == "fuse";
  if (record.memory) root.memory = MemoryUpper{record.size, record.inodes};
  root.fresh_upper = record.memory || !ExistsAt(AT_FDCWD, root.container_dir + "/work/work");
  root.volatile_upper = record.auto_remove || record.memory;
  return {};
}

Result<std::shared_ptr<const Lower>> OpenLayers(const Store& store, const Digest& chain,
                                                const std::vector<Digest>& diff_ids,
                                                const StartSetup& setup) {
  auto lower =
      std::make_shared<Lower>(TRY(ImageStore(store).OpenLower(chain, diff_ids, IndexCheck::kBounds)));
  if (setup.damage != nullptr) setup.damage->Watch(*lower, diff_ids);
  return lower;
}

Result<Prepared> ReadAndPlan(const Context& context, const Store& store, const ContainerStatus& container,
                             const StartSetup& setup) {
  Prepared p;
  RootSource root;
  root.container_dir = ContainerStore(store).DirectoryOf(container.record.id);
  p.spec = TRY(ContainerStore(store).ReadSpec(container.record.id));
  p.host = HostFacts::ForLaunch(context);
  root.layered = p.spec.root_path.empty();
  if (root.layered) {
    p.lower = TRY(OpenLayers(store, container.record.chain, container.record.diff_ids, setup));
    const IndexNode& top = p.lower->index().node(0);
    IdView view = ViewOf(p.spec);
    root.root_mode = top.mode & 07777;
    root.root_uid = view.Uid(top.uid);
    root.root_gid = view.Gid(top.gid);
    TRY(ReadUpper(container.record, root));
  }
  for (const ImageUse& use : container.record.images) {
    p.images.push_back(
        TRY_WITH(OpenLayers(store, use.chain, use.diff_ids, setup), "mount of the image " + use.name));
    TRY(MakeDirectories(root.container_dir + "/" + ImagePlace(root.images++)));
  }
  LaunchOptions options{.stdin_open = setup.stdin_open};
  options.rows = setup.size.rows;
  options.columns = setup.size.columns;
  options.hold = setup.mode == StartMode::kRootOnly;
  options.wait = setup.mode == StartMode::kInit;
  options.own_cgroup = setup.cgroup != nullptr && setup.cgroup->has_value();
  // A root that only stands for others runs nothing in the namespaces of another container, and must let
  // itself be looked at (step::Hold): it joins nobody, and needs nobody who runs.
  if (!options.hold) p.joined = TRY(OpenJoinTarget(store, container.record, p.spec));
  if (p.joined) options.join = p.joined->Target();
  if (!options.hold) options.secrets = TRY(ContainerSecrets::Read(store, container.record));
  TRY(MakeFreshOverlays(p.spec, p.host, root.container_dir));
  if (UsesBypass(container.record.network_config) && !options.hold) options.notifier = BypassFilter();
  if (!options.hold && !TRY(RecordedFile(p.spec)).empty()) {
    options.notifier_pass = std::strtoull(RandomHex(8).c_str(), nullptr, 16) | 1;
    options.notifier = RecordingFilter(options.notifier_pass);
  }
  if (p.spec.seccomp)
    options.seccomp = TRY(CompileSeccomp(*p.spec.seccomp, store.runroot_path() + "/seccomp"));
  options.landlock = TRY(CompiledLandlockOf(p.spec));
  p.plan = TRY(BuildLaunchPlan(p.spec, p.host, root, std::move(options)));
  p.fresh_upper = root.layered && !root.fuse_upper && !root.memory && root.fresh_upper;
  const bool image_alone = root.fuse_upper ? root.memory || !container.started : root.fresh_upper;
  auto* execute = std::get_if<step::Execute>(&p.plan.steps.back());
  if (execute != nullptr && root.layered && image_alone && OnlyOwnMounts(p.spec))
    DropAbsentCandidates(p.lower->index(), execute->candidates);
  return p;
}

void LogPlan(const Context& context, const LaunchPlan& plan) {
  if (context.log_level < LogLevel::kDebug) return;
  for (size_t i = 0; i < plan.steps.size(); i++)
    context.Debug("step " + std::to_string(i) + ": " + Describe(plan.steps[i]));
}

// One that nobody needs is given up where it cannot be made.
Result<> EnterCgroup(const Context& context, const ContainerRecord& record, const StartSetup& setup,
                     LaunchPlan& plan) {
  if (setup.cgroup == nullptr || !*setup.cgroup) return {};
  auto made = (*setup.cgroup)->Prepare(record.cgroup.limits);
  if (made) {
    plan.cgroup = (*setup.cgroup)->payload();
    return {};
  }
  setup.cgroup->reset();
  if (record.cgroup.limits.Any()) return made;
  context.Warn("the container has no cgroup of its own: " + made.error().what);
  return {};
}

Result<> WriteStarted(const Context& context, const Store& store, const std::string& id, int pid,
                      const StartSetup& setup) {
  StartedRecord record{pid, getpid(), context.now()};
  record.monitor_ticks = StartTicks(getpid());
  record.boot_id = BootId();
  record.restarts = setup.restarts;
  if (setup.cgroup != nullptr && *setup.cgroup) record.cgroup = (*setup.cgroup)->path();
  return ContainerStore(store).WriteStarted(id, record);
}

}  // namespace

Result<std::unique_ptr<RunningContainer>> RunningContainer::Prepare(const Context& context,
                                                                    const Store& store,
                                                                    const ContainerStatus& container,
                                                                    const StartSetup& setup) {
  Prepared p = TRY(ReadAndPlan(context, store, container, setup));
  p.plan.fault = setup.fault;
  LogPlan(context, p.plan);
  auto running = std::make_unique<RunningContainer>();
  running->pending_ = std::make_unique<Pending>(Pending{std::move(p.plan), std::nullopt});
  const LaunchPlan& plan = running->pending_->plan;
  running->maps_ = plan.maps;
  if (setup.mode != StartMode::kRootOnly)
    running->network_ = TRY(PrepareNetwork(context, store, container.record, p.spec.hostname));
  if (running->network_)
    running->pending_->plan.parent_user_namespace = running->network_->ParentUserNamespace();
  TRY(GiveOwnFiles(p.spec, p.host, ContainerStore(store).DirectoryOf(container.record.id), p.fresh_upper));
  TRY(EnterCgroup(context, container.record, setup, running->pending_->plan));
  const bool terminal = p.spec.process.terminal, layered = p.lower != nullptr;
  running->server_ = RootServer(p.lower, ViewOf(p.spec));
  if (std::string file = TRY(RecordedFile(p.spec)); !file.empty())
    running->recording_ = Recording{std::move(file), p.spec.seccomp, nullptr};
  if (terminal || setup.mode == StartMode::kRootOnly) {
    running->pending_->launcher.emplace(TRY(Launcher::Begin(plan, p.host)));
  } else {
    StreamPipes pipes = TRY(StreamPipes::Make(setup.stdin_open));
    TRY(pipes.Install());
    if (!HasUser(plan.maps, p.host.uid, p.host.gid)) OpenStdioToAll();
    running->pending_->launcher.emplace(TRY(Launcher::Begin(plan, p.host)));
    running->streams_ = pipes.TakeOurs();
  }
  CloseStdio();
  Launcher& launcher = *running->pending_->launcher;
  TRY(running->server_.Prepare(context, store, container.record));
  TRY(launcher.FinishMaps());
  running->user_namespace_ = launcher.TakeUserNamespace();
  if (running->network_)
    TRY(running->network_->Begin(running->user_namespace_.get(), launcher.TakeNetNamespace(),
                                 HostOf(plan.maps.uids, 0) && HostOf(plan.maps.gids, 0)));
  if (layered) TRY(running->server_.Serve(TRY(launcher.AwaitFuse())));
  for (auto& image : p.images)
    TRY(running->server_.ServeImage(std::move(image), TRY(launcher.AwaitFuse()).fuse));
  if (setup.mode != StartMode::kRootOnly) {
    TRY(WriteStarted(context, store, container.record.id, launcher.child().pid(), setup));
    TRY(WritePidFiles(container.record, launcher.child().pid(), getpid()));
  }
  if (terminal && setup.mode != StartMode::kRootOnly) {
    running->streams_.out = TRY(launcher.AwaitTerminal());
    running->streams_.in = TRY(running->streams_.out.Duplicate());
  }
  running->proc_ = TRY(launcher.AwaitReady());
  if (running->proc_) running->server_.FollowClients(TRY(running->proc_.Duplicate()));
  if (running->network_) TRY(FinishNetwork(store, container.record.id, *running->network_));
  if ((plan.clone_flags & CLONE_NEWPID) == 0) running->mount_namespace_ = launcher.TakeMountNamespace();
  return running;
}

Result<> RunningContainer::Go() {
  if (pending_ == nullptr) return {};
  if (recording_)
    pending_->launcher->WhenNotified([this](Fd listener) -> Result<> {
      recording_->recorder = TRY(SeccompRecorder::Begin(std::move(listener)));
      return {};
    });
  TRY(pending_->launcher->Go());
  if (Fd listener = pending_->launcher->TakeNotifier()) TRY(network_->AddNotifier(std::move(listener)));
  child_ = pending_->launcher->TakeChild();
  WipeSecrets(pending_->plan);
  pending_.reset();
  return {};
}

Result<> RunningContainer::FinishRecording() {
  if (!recording_ || recording_->recorder == nullptr) return {};
  const std::set<SeccompCall> calls = recording_->recorder->Finish();
  const SpecSeccomp profile = MinimalSeccomp(recording_->base, calls);
  return ReplaceFileAt(AT_FDCWD, recording_->file, SeccompProfileText(profile), 0644, Durability::kVolatile)
      .With("--seccomp-record");
}

Result<> RunningContainer::RemoveTree(const Context& context, const std::string& path) const {
  const HostFacts host = HostFacts::ForLaunch(context);
  return HasUser(maps_, host.uid, host.gid) ? RemoveTreeInNamespace(user_namespace_.get(), path)
                                            : RemoveTreeOfMaps(maps_, host, path);
}

Result<ExitStatus> RunningContainer::Wait() {
  if (pending_ != nullptr) {
    child_ = pending_->launcher->TakeChild();
    pending_.reset();
  }
  return child_.Wait();
}

}  // namespace wolffia
