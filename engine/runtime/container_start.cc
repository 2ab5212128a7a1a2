#include "engine/runtime/container_start.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "engine/runtime/seccomp.h"
#include "storage/image_store.h"

namespace wolffia {
namespace {

constexpr size_t kMaxSpecBytes = 4 << 20;

struct Prepared {
  RuntimeSpec spec;
  HostFacts host;
  std::shared_ptr<const Lower> lower;  // of a layered root
  LaunchPlan plan;
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

Result<Prepared> Prepare(const Context& context, const Store& store, const ContainerStatus& container,
                         const StartRequest& request) {
  Prepared p;
  RootSource root;
  root.container_dir = ContainerStore(store).DirectoryOf(container.record.id);
  std::string json = TRY(ReadFile(root.container_dir + "/spec.json", kMaxSpecBytes));
  p.spec = TRY_WITH(RuntimeSpec::Parse(json), "spec.json of the container");
  p.host = HostFacts::ForLaunch(context);
  root.layered = p.spec.root_path.empty();
  if (root.layered) {
    p.lower = std::make_shared<const Lower>(TRY(
        ImageStore(store).OpenLower(container.record.chain, container.record.diff_ids, IndexCheck::kBounds)));
    const IndexNode& top = p.lower->index().node(0);
    IdView view = ViewOf(p.spec);
    root.root_mode = top.mode & 07777;
    root.root_uid = view.Uid(top.uid);
    root.root_gid = view.Gid(top.gid);
    TRY(ReadUpper(container.record, root));
  }
  LaunchOptions options{.stdin_open = request.stdin_open};
  if (p.spec.seccomp)
    options.seccomp = TRY(CompileSeccomp(*p.spec.seccomp, store.runroot_path() + "/seccomp"));
  p.plan = TRY(BuildLaunchPlan(p.spec, p.host, root, std::move(options)));
  const bool image_alone = root.fuse_upper ? root.memory || !container.started : root.fresh_upper;
  if (root.layered && image_alone && OnlyOwnMounts(p.spec))
    DropAbsentCandidates(p.lower->index(), std::get<step::Execute>(p.plan.steps.back()).candidates);
  return p;
}

// The container has its copies; with ours open, a reader of its output would never see the end.
void CloseStdio() {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (null < 0 || dup2(null, fd) < 0) close(fd);
  if (null > STDERR_FILENO) close(null);
}

}  // namespace

Result<RunningContainer> StartContainer(const Context& context, const Store& store,
                                        const ContainerStatus& container, const StartRequest& request,
                                        std::optional<LaunchPlan::Fault> fault) {
  Prepared p = TRY(Prepare(context, store, container, request));
  p.plan.fault = fault;
  if (context.log_level >= LogLevel::kDebug)
    for (size_t i = 0; i < p.plan.steps.size(); i++)
      context.Debug("step " + std::to_string(i) + ": " + Describe(p.plan.steps[i]));
  RunningContainer running;
  running.server = RootServer(p.lower, ViewOf(p.spec));
  Launcher launcher = TRY(Launcher::Begin(p.plan, p.host));
  CloseStdio();
  TRY(running.server.Prepare(context, store, container.record));
  TRY(launcher.FinishMaps());
  if (p.lower != nullptr) TRY(running.server.Serve(TRY(launcher.AwaitFuse())));
  StartedRecord record{launcher.child().pid(), getpid(), context.now()};
  TRY(ContainerStore(store).WriteStarted(container.record.id, record));
  running.server.FollowClients(TRY(launcher.AwaitReady()));
  TRY(launcher.Go());
  running.child = launcher.TakeChild();
  running.user_namespace = launcher.TakeUserNamespace();
  return running;
}

}  // namespace wolffia
