#include "engine/runtime/launch_plan.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>

#include "engine/runtime/kernel_names.h"
#include "engine/runtime/launch_child.h"
#include "engine/runtime/launch_process.h"
#include "engine/runtime/mount_plan.h"
#include "storage/overlay/lower_server.h"

namespace wolffia {
namespace {

// Directories of an overlay's own in the tmpfs of its upper, and what it makes there for a moment.
constexpr uint64_t kOwnInodes = 8;

// Of the new namespaces; what is joined is left out.
Result<uint64_t> CloneFlags(const RuntimeSpec& spec, const std::optional<JoinTarget>& join) {
  uint64_t flags = 0;
  for (const SpecNamespace& ns : spec.namespaces) {
    auto flag = NamespaceFlag(ns.type);
    if (!flag) return Fail(Code::kUnsupported, "a namespace of type \"" + ns.type + "\" is not supported");
    if (!ns.path.empty())
      return Fail(Code::kUnsupported, "joining the " + ns.type + " namespace " + ns.path +
                                          " is not supported; leave its path out to get a new one");
    flags |= *flag;
  }
  if ((flags & CLONE_NEWUSER) == 0)
    return Fail(Code::kUnsupported,
                "the spec asks for no user namespace, and an ordinary user cannot start a container "
                "without one; add {\"type\": \"user\"} to linux.namespaces");
  if ((flags & CLONE_NEWNS) == 0)
    return Fail(Code::kInvalid,
                "the spec asks for no mount namespace; add {\"type\": \"mount\"} to linux.namespaces");
  return join ? flags & ~join->flags : flags;
}

Result<IdMaps> MapsOf(const RuntimeSpec& spec, const HostFacts& host) {
  IdMaps maps{spec.uid_mappings, spec.gid_mappings, false};
  if (maps.uids.empty() || maps.gids.empty())
    return Fail(Code::kInvalid, "the spec has a user namespace without uidMappings and gidMappings");
  maps.single = IsSingle(maps, HasUser(maps, host.uid, host.gid));
  return maps;
}

// "net.ipv4.ip_forward" -> "/proc/sys/net/ipv4/ip_forward". As sysctl(8): if the first separator is a slash,
// dots are parts of names.
Result<std::string> SysctlPath(const std::string& key, uint64_t clone_flags) {
  std::string path = key;
  size_t first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.')
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  if (CleanPath(path) != "/" + path) return Fail(Code::kInvalid, "malformed sysctl \"" + key + "\"");
  auto below = [&](std::string_view prefix) { return path.starts_with(prefix); };
  bool ipc = below("kernel/shm") || below("kernel/msg") || path == "kernel/sem" || below("fs/mqueue/");
  bool uts = path == "kernel/domainname" || path == "kernel/hostname";
  if (!ipc && !uts && !below("net/"))
    return Fail(Code::kUnsupported,
                "sysctl " + key +
                    " belongs to the whole host, not to a container; only "
                    "kernel.shm*, kernel.msg*, kernel.sem, kernel.domainname, fs.mqueue.* and net.* do");
  uint64_t needed = ipc ? CLONE_NEWIPC : uts ? CLONE_NEWUTS : CLONE_NEWNET;
  if ((clone_flags & needed) == 0)
    return Fail(Code::kInvalid,
                "sysctl " + key +
                    " would change the host or another container, whose namespace the container shares");
  return "/proc/sys/" + path;
}

class Builder {
 public:
  Builder(const RuntimeSpec& spec, const HostFacts& host, const RootSource& root, LaunchOptions options)
      : spec_(spec), host_(host), root_(root), options_(std::move(options)) {}

  Result<LaunchPlan> Build() {
    plan_.clone_flags = TRY(CloneFlags(spec_, options_.join));
    const bool hides_cgroups = options_.own_cgroup && Has(CLONE_NEWCGROUP);
    if (hides_cgroups) plan_.clone_flags &= ~uint64_t{CLONE_NEWCGROUP};
    plan_.join = options_.join;
    plan_.hidden = plan_.join && (plan_.join->flags & CLONE_NEWPID) != 0;
    plan_.maps = TRY(MapsOf(spec_, host_));
    has_user_ = HasUser(plan_.maps, host_.uid, host_.gid);
    if (!has_user_ && root_.fuse_upper && root_.memory)
      return Fail(Code::kUnsupported, ExplainUpperOfNobody());
    TRY(CheckProcess(spec_.process, plan_.maps));
    int first_slot = root_.layered ? 0 : 1;
    MountPlan mounts = TRY(PlanMounts(spec_, host_, plan_.maps, first_slot));
    plan_.slot_count = mounts.slot_count;
    Detach(mounts.slave);
    if (hides_cgroups) Add(step::NewCgroupNamespace{});
    Share(mounts);
    Add(step::EnterDirectory{root_.container_dir});
    Sources(mounts);
    Root();
    Append(std::move(mounts.mounts));
    Append(PlanSecretFiles(std::move(options_.secrets.files)));
    Streams();
    TRY(Finish(mounts.null_slot));
    PrivilegePlan privileges{.process = spec_.process,
                             .maps = plan_.maps,
                             .seccomp = std::move(options_.seccomp),
                             .keep_groups = KeepsGroups(spec_)};
    privileges.notifier = std::move(options_.notifier);
    privileges.notifier_pass = options_.notifier_pass;
    privileges.landlock = std::move(options_.landlock);
    if (spec_.seccomp) privileges.seccomp_flags = spec_.seccomp->flags;
    Append(TRY(PlanPrivileges(std::move(privileges))));
    Append(PlanExecute(spec_.process));
    if (auto* execute = std::get_if<step::Execute>(&plan_.steps.back()))
      AddSecretVariables(options_.secrets.env, execute->env);
    return std::move(plan_);
  }

 private:
  void Add(LaunchStep step) { plan_.steps.push_back(std::move(step)); }
  void Append(std::vector<LaunchStep> steps) { std::ranges::move(steps, std::back_inserter(plan_.steps)); }
  bool Has(uint64_t flag) const { return (plan_.clone_flags & flag) != 0; }

  void Detach(bool slave) {
    Add(step::DieWithParent{});
    if (plan_.hidden) Add(step::SendNamespaces{});
    Add(step::AwaitMaps{});
    if (plan_.hidden)
      plan_.oom_score = spec_.process.oom_score_adj;
    else if (spec_.process.oom_score_adj)
      Add(step::SetOomScore{*spec_.process.oom_score_adj});
    Add(step::NewSession{});
    Add(step::NewKeyring{});
    Add(step::IsolateMounts{slave});
  }

  // Shared memory goes with the ipc namespace, unless something else is mounted there.
  void Share(MountPlan& mounts) {
    if (!plan_.join || (plan_.join->flags & CLONE_NEWIPC) == 0) return;
    for (const SpecMount& mount : spec_.mounts)
      if (CleanPath(mount.destination) == "/dev/shm") return;
    int slot = plan_.slot_count++;
    Add(step::OpenShared{"/dev/shm", slot});
    mounts.mounts.push_back(step::BindMount{slot, "/dev/shm of the other container", "/dev/shm",
                                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, false,
                                            0, false});
  }

  void Memory() {
    std::string options = "mode=0700";
    if (root_.memory->size != 0) options += ",size=" + std::to_string(root_.memory->size);
    if (root_.memory->inodes != 0)
      options += ",nr_inodes=" + std::to_string(root_.memory->inodes + kOwnInodes);
    Add(step::MountMemory{"work", std::move(options), root_.fuse_upper});
  }

  // The upper in memory is made with the ids of the user, whom it then belongs to: the monitor works in it. A
  // user who is not mapped can make nothing in a file system of the namespace (EOVERFLOW).
  void Served() {
    const bool memory = root_.memory.has_value();
    if (memory && has_user_) Memory();
    Fuse(root_.fuse_upper ? "merged" : "lower", !root_.fuse_upper, memory && root_.fuse_upper);
  }

  void Fuse(std::string target, bool read_only, bool with_memory) {
    Add(step::OpenFuse{});
    const uint32_t uid = RootInside(plan_.maps.uids), gid = RootInside(plan_.maps.gids);
    std::string options = FuseMountOptions(kFuseFd, uid, gid);
    Add(step::MountFuse{std::move(target), std::move(options), read_only});
    Add(step::SendFuse{with_memory});
  }

  // The monitor serves the layers while the child opens what it will bind.
  void Sources(MountPlan& mounts) {
    if (root_.layered) Served();
    for (size_t n = 0; n < root_.images; n++) Fuse(ImagePlace(n), true, false);
    // What is opened takes the next free number, and kFuseFd has to be free for /dev/fuse until here.
    if (!root_.layered) Add(step::OpenSource{spec_.root_path, 0, true, 0, 0, false});
    Append(std::move(mounts.sources));
    if (Has(CLONE_NEWUTS) && !spec_.hostname.empty()) Add(step::SetHostname{spec_.hostname});
    if (Has(CLONE_NEWNET)) Add(step::RaiseLoopback{});
  }

  void Root() {
    const uint32_t uid = RootInside(plan_.maps.uids), gid = RootInside(plan_.maps.gids);
    if (HostOf(plan_.maps.uids, uid) != static_cast<uint32_t>(host_.uid) ||
        HostOf(plan_.maps.gids, gid) != static_cast<uint32_t>(host_.gid))
      Add(step::BecomeRoot{uid, gid});
    if (root_.layered && root_.memory && !has_user_) Memory();
    if (!root_.layered) {
      Add(step::AttachRootfs{0, "merged"});
    } else if (!root_.fuse_upper) {
      const std::string upper = root_.memory ? "work/upper" : "upper",
                        work = root_.memory ? "work/work" : "work";
      if (root_.fresh_upper) Add(step::GiveOwner{upper, root_.root_mode, root_.root_uid, root_.root_gid});
      Add(step::MountOverlay{
          "merged",
          "lowerdir=lower,upperdir=" + upper + ",workdir=" + work + ",userxattr" +
              (root_.volatile_upper ? ",volatile" : ""),
          root_.volatile_upper && !root_.fresh_upper ? work + "/work/incompat/volatile" : ""});
    }
    Add(step::OpenRoot{"merged"});
  }

  // While /dev/pts is as the mounts made it, and the root still has a descriptor.
  void Streams() {
    const SpecUser& user = spec_.process.user;
    if (spec_.process.terminal && !options_.hold)
      Add(step::OpenTerminal{user.uid, TerminalGroup(plan_.maps, user.gid), options_.rows, options_.columns,
                             true});
    else
      Add(step::OwnStdio{user.uid, user.gid});
  }

  Result<> Finish(int null_slot) {
    for (const auto& [key, value] : spec_.sysctl) {
      std::string path = TRY(SysctlPath(key, plan_.clone_flags));
      const bool domain = path == "/proc/sys/kernel/domainname";
      if (domain || path == "/proc/sys/kernel/hostname")
        Add(step::SetHostname{value, domain});
      else
        Add(step::WriteSysctl{std::move(path), value});
    }
    Append(PlanHiddenPaths(spec_, null_slot));
    if (CleanPath(spec_.process.cwd) != "/") Add(step::MakeDirectory{spec_.process.cwd, 0755});
    step::RootAttributes attributes{spec_.root_readonly, 0};
    if (!spec_.rootfs_propagation.empty()) {
      auto propagation = PropagationOf(spec_.rootfs_propagation);
      if (!propagation)
        return Fail(Code::kInvalid, "unknown rootfsPropagation \"" + spec_.rootfs_propagation + "\"");
      attributes.propagation = *propagation;
    }
    if (attributes.read_only || attributes.propagation != 0) Add(attributes);
    Add(step::PivotRoot{});
    if (!options_.stdin_open && !spec_.process.terminal) Add(step::NullStdin{null_slot});
    Append(TRY(PlanLimits(spec_.process)));
    Add(step::HideMemory{});
    if (options_.hold)
      Add(step::Hold{});
    else
      // Whoever shares its processes with another container stays hidden from that one's.
      Add(step::AwaitGo{options_.wait && !plan_.join});
    return {};
  }

  const RuntimeSpec& spec_;
  const HostFacts& host_;
  const RootSource& root_;
  LaunchOptions options_;
  LaunchPlan plan_;
  bool has_user_ = true;
};

}  // namespace

Result<LaunchPlan> BuildLaunchPlan(const RuntimeSpec& spec, const HostFacts& host, const RootSource& root,
                                   LaunchOptions options) {
  return Builder(spec, host, root, std::move(options)).Build();
}

}  // namespace wolffia
