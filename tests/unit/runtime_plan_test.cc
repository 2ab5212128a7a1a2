// Launch plans against golden files: tests/data/plans/*.txt hold Describe of every step.
// WOLFFIA_UPDATE_GOLDEN=1 writes them again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>

#include "engine/base/file.h"
#include "engine/landlock/policy.h"
#include "engine/runtime/launcher.h"
#include "engine/runtime/mount_plan.h"
#include "tests/unit/usual_mounts.h"

namespace wolffia {
namespace {

using testing::HasSubstr;

HostFacts Host() {
  HostFacts host;
  host.uid = HostUid{1000};
  host.gid = HostGid{1000};
  host.newuidmap = "/usr/bin/newuidmap";
  host.newgidmap = "/usr/bin/newgidmap";
  host.cgroup2_mount = "/sys/fs/cgroup";
  return host;
}

RuntimeSpec Spec() {
  RuntimeSpec spec;
  spec.hostname = "box";
  spec.process.args = {"sh"};
  spec.process.env = {"PATH=/usr/bin:/bin"};
  spec.uid_mappings = {{0, 1000, 1}, {1, 100000, 65536}};
  spec.gid_mappings = {{0, 1000, 1}, {1, 100000, 65536}};
  for (const char* type : {"user", "mount", "pid", "ipc", "uts", "network", "cgroup"})
    spec.namespaces.push_back({type, ""});
  spec.mounts = UsualMounts();
  spec.masked_paths = {"/proc/kcore", "/sys/firmware"};
  spec.readonly_paths = {"/proc/sys"};
  spec.process.capabilities.bounding = spec.process.capabilities.effective =
      spec.process.capabilities.permitted = {"CAP_CHOWN", "CAP_KILL"};
  return spec;
}

RootSource Root() {
  return {.container_dir = "/store/containers/0123"};
}

void ExpectGolden(const std::string& name, const RuntimeSpec& spec, const HostFacts& host,
                  const RootSource& root, LaunchOptions options) {
  auto plan = BuildLaunchPlan(spec, host, root, std::move(options));
  ASSERT_TRUE(plan) << plan.error().what;
  std::string path = std::string(WOLFFIA_TEST_DATA) + "/plans/" + name + ".txt";
  if (getenv("WOLFFIA_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << DescribePlan(*plan);
  EXPECT_EQ(DescribePlan(*plan), ReadFile(path, 1 << 20).value_or("missing")) << path;
}

TEST(LaunchPlan, Layered) {
  ExpectGolden("layered", Spec(), Host(), Root(),
               {.stdin_open = true, .seccomp = std::vector<sock_filter>(1)});
}

TEST(LaunchPlan, RootfsOfAUser) {
  RuntimeSpec spec = Spec();
  spec.root_path = "/home/u/rootfs";
  spec.root_readonly = true;
  spec.rootfs_propagation = "rslave";
  spec.process.user = {33, 34, 0027, {35, 36}};
  spec.process.capabilities.effective = spec.process.capabilities.permitted = {};
  spec.process.capabilities.inheritable = spec.process.capabilities.ambient = {"CAP_CHOWN"};
  spec.process.no_new_privileges = true;
  spec.process.cwd = "/srv/../work";
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, ~uint64_t{0}}};
  spec.process.oom_score_adj = 100;
  spec.sysctl = {{"net.ipv4.conf.eth0/1.forwarding", "1"}, {"kernel.msgmax", "1"}};
  spec.devices = {{"/dev/fuse", "c"}, {"/dev/null", "c"}};
  spec.mounts.push_back({"/data", "bind", "/home/u/data", {"rbind", "ro", "nosuid", "rslave"}});
  spec.mounts.push_back({"/proc/meminfo", "bind", "/var/lib/lxcfs/meminfo", {"bind"}});
  ExpectGolden("rootfs", spec, Host(), {.container_dir = "/store/containers/0123", .layered = false},
               {.stdin_open = false, .seccomp = std::vector<sock_filter>(1)});
}

TEST(LaunchPlan, SingleIdOnTheHostsNetwork) {
  RuntimeSpec spec = Spec();
  spec.uid_mappings = {{1000, 1000, 1}};
  spec.gid_mappings = {{1000, 1000, 1}};
  spec.process.user = {1000, 1000};
  std::erase_if(spec.namespaces,
                [](const SpecNamespace& n) { return n.type == "network" || n.type == "cgroup"; });
  HostFacts host = Host();
  host.cgroup2_mount.clear();
  RootSource root = Root();
  root.fresh_upper = false;
  root.volatile_upper = true;
  ExpectGolden("single", spec, host, root, {});
}

TEST(LaunchPlan, KeepId) {
  RuntimeSpec spec = Spec();
  spec.uid_mappings = {{0, 100000, 1000}, {1000, 1000, 1}, {1001, 101000, 64536}};
  spec.gid_mappings = spec.uid_mappings;
  RootSource root = Root();
  root.root_mode = 01777;
  ExpectGolden("keep-id", spec, Host(), root, {});
}

// What the user makes comes before its end as the user; a tmpfs of the namespace is its root's.
TEST(LaunchPlan, WithoutTheUser) {
  RuntimeSpec spec = Spec();
  spec.uid_mappings = spec.gid_mappings = {{0, 100000, 1024}};
  RootSource root = Root();
  ExpectGolden("auto", spec, Host(), root, {});
  auto order = [&] {
    auto plan = BuildLaunchPlan(spec, Host(), root, {});
    std::string kinds;
    for (const LaunchStep& step : plan->steps)
      kinds += std::holds_alternative<step::OpenFuse>(step)       ? "fuse "
               : std::holds_alternative<step::BecomeRoot>(step)   ? "root "
               : std::holds_alternative<step::MountMemory>(step)  ? "memory "
               : std::holds_alternative<step::MountOverlay>(step) ? "overlay "
                                                                  : "";
    return kinds;
  };
  EXPECT_EQ(order(), "fuse root overlay ");
  root.memory = MemoryUpper{};
  EXPECT_EQ(order(), "fuse root memory overlay ");
  root.fuse_upper = true;
  auto refused = BuildLaunchPlan(spec, Host(), root, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().what, HasSubstr("upper=memory"));
}

TEST(LaunchPlan, Terminal) {
  RuntimeSpec spec = Spec();
  spec.process.terminal = true;
  spec.process.user = {33, 34};
  ExpectGolden("terminal", spec, Host(), Root(), {.stdin_open = false, .rows = 24, .columns = 80});
}

TEST(LaunchPlan, JoinedToAnotherContainer) {
  RuntimeSpec spec = Spec();
  std::erase_if(spec.mounts, [](const SpecMount& m) { return m.destination == "/dev/shm"; });
  LaunchOptions options;
  options.join = JoinTarget{42, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS};
  auto plan = BuildLaunchPlan(spec, Host(), Root(), options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->clone_flags, uint64_t{CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWCGROUP});
  EXPECT_TRUE(plan->join && plan->join->pidfd == 42 && plan->join->flags == options.join->flags);
  ExpectGolden("joined", spec, Host(), Root(), options);

  // Its own memory, and a name of its own, where only the processes are shared.
  options.join->flags = CLONE_NEWUSER | CLONE_NEWPID;
  plan = BuildLaunchPlan(spec, Host(), Root(), options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->clone_flags,
            uint64_t{CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWUTS});
  EXPECT_THAT(DescribePlan(*plan), testing::AllOf(HasSubstr("set the hostname to box"),
                                                  testing::Not(HasSubstr("whose namespaces are joined"))));

  // What the user mounts on /dev/shm stays.
  options.join->flags = CLONE_NEWUSER | CLONE_NEWIPC;
  spec.mounts.push_back({"/dev/shm/", "bind", "/home/u/shm", {"bind"}});
  plan = BuildLaunchPlan(spec, Host(), Root(), options);
  ASSERT_TRUE(plan);
  EXPECT_THAT(DescribePlan(*plan), testing::Not(HasSubstr("whose namespaces are joined")));
}

// Root makes the rules; entered is the ruleset where the kernel allows it, before a filter can forbid it.
TEST(LaunchPlan, Landlock) {
  RuntimeSpec spec = Spec();
  spec.process.user = {33, 34};
  LandlockPolicy policy{.name = "test", .read = {{"/etc", "/bin"}}, .write = {{"/tmp", "-/data"}}, .exec = {{"/bin"}}};
  policy.bind_tcp = {{8080}};
  policy.scope_signals = true;
  const LandlockRuleset rules = CompileLandlock(policy, 7)->ruleset;
  LaunchOptions options{.stdin_open = true, .seccomp = std::vector<sock_filter>(1), .landlock = rules};
  ExpectGolden("landlock", spec, Host(), Root(), options);

  spec.process.no_new_privileges = true;
  auto plan = BuildLaunchPlan(spec, Host(), Root(), options);
  ASSERT_TRUE(plan);
  EXPECT_THAT(DescribePlan(*plan), testing::ContainsRegex("allow no new privileges\n[0-9]+ enter the Landlock ruleset\n"
                                                          "[0-9]+ install the seccomp filter\n"));
}

TEST(LaunchPlan, FuseUpper) {
  RuntimeSpec spec = Spec();
  spec.root_readonly = true;
  RootSource root = Root();
  root.fuse_upper = true;
  ExpectGolden("fuse", spec, Host(), root, {});
}

TEST(LaunchPlan, MountsOfImages) {
  RuntimeSpec spec = Spec();
  spec.mounts.push_back({"/a", "bind", "/store/containers/0123/images/0", {"bind", "nosuid", "ro"}});
  spec.mounts.push_back({"/b",
                         "overlay",
                         "/store/containers/0123/images/1",
                         {"nosuid", "rw", "upperdir=overlay/0/upper", "workdir=overlay/0/work"}});
  RootSource root = Root();
  root.images = 2;
  ExpectGolden("images", spec, Host(), root, {});
}

TEST(LaunchPlan, UppersInMemory) {
  RootSource root = Root();
  root.volatile_upper = true;
  root.memory = MemoryUpper{1 << 20, 100};
  ExpectGolden("memory", Spec(), Host(), root, {});
  root.fuse_upper = true;
  root.memory = MemoryUpper{};
  ExpectGolden("memory-fuse", Spec(), Host(), root, {});
}

TEST(LaunchPlan, Refusals) {
  struct Case {
    const char* name;
    void (*change)(RuntimeSpec&);
    Code code;
    const char* words;
  };
  const Case cases[] = {
      {"no user namespace", [](RuntimeSpec& s) { s.namespaces.erase(s.namespaces.begin()); },
       Code::kUnsupported, "user namespace"},
      {"no mount namespace", [](RuntimeSpec& s) { s.namespaces.erase(s.namespaces.begin() + 1); },
       Code::kInvalid, "mount namespace"},
      {"joined", [](RuntimeSpec& s) { s.namespaces[2].path = "/proc/1/ns/pid"; }, Code::kUnsupported,
       "joining the pid namespace"},
      {"no maps", [](RuntimeSpec& s) { s.uid_mappings.clear(); }, Code::kInvalid, "uidMappings"},
      {"no command", [](RuntimeSpec& s) { s.process.args.clear(); }, Code::kInvalid, "no command"},
      {"empty command", [](RuntimeSpec& s) { s.process.args = {""}; }, Code::kNoCommand, "empty string"},
      {"unmapped user", [](RuntimeSpec& s) { s.process.user.uid = 70000; }, Code::kUnsupported,
       "user 70000 is not mapped"},
      {"unmapped group", [](RuntimeSpec& s) { s.process.user.additional_gids = {99999}; }, Code::kUnsupported,
       "group 99999"},
      {"relative cwd", [](RuntimeSpec& s) { s.process.cwd = "work"; }, Code::kInvalid,
       "working directory work"},
      {"capability", [](RuntimeSpec& s) { s.process.capabilities.bounding = {"CAP_FLY"}; }, Code::kInvalid,
       "CAP_FLY"},
      {"rlimit", [](RuntimeSpec& s) { s.process.rlimits = {{"RLIMIT_X", 1, 1}}; }, Code::kInvalid,
       "RLIMIT_X"},
      {"host sysctl", [](RuntimeSpec& s) { s.sysctl = {{"vm.swappiness", "1"}}; }, Code::kUnsupported,
       "vm.swappiness"},
      {"sysctl outside", [](RuntimeSpec& s) { s.sysctl = {{"net/../vm/x", "1"}}; }, Code::kInvalid,
       "malformed"},
      {"sysctl of a shared namespace",
       [](RuntimeSpec& s) {
         s.namespaces.erase(s.namespaces.begin() + 5);
         s.sysctl = {{"net.x", "1"}};
       },
       Code::kInvalid, "shares"},
      {"disk", [](RuntimeSpec& s) { s.mounts.push_back({"/x", "ext4", "/dev/sda", {}}); }, Code::kUnsupported,
       "ext4"},
      {"bind option", [](RuntimeSpec& s) { s.mounts.push_back({"/x", "bind", "/y", {"rbind", "wild"}}); },
       Code::kInvalid, "\"wild\""},
      {"relative source", [](RuntimeSpec& s) { s.mounts.push_back({"/x", "bind", "y", {}}); }, Code::kInvalid,
       "not an absolute path"},
      {"mount on the root", [](RuntimeSpec& s) { s.mounts.push_back({"/x/..", "bind", "/y", {}}); },
       Code::kInvalid, "root itself"},
      {"too many",
       [](RuntimeSpec& s) {
         for (int i = 0; i < 300; i++) s.mounts.push_back({"/x", "bind", "/y", {}});
       },
       Code::kUnsupported, "more than"},
  };
  for (const Case& c : cases) {
    RuntimeSpec spec = Spec();
    c.change(spec);
    auto plan = BuildLaunchPlan(spec, Host(), Root(), {});
    ASSERT_FALSE(plan) << c.name;
    EXPECT_EQ(plan.error().code, c.code) << c.name;
    EXPECT_THAT(plan.error().what, HasSubstr(c.words)) << c.name;
  }
}

TEST(LaunchPlan, APathOfMegabytesCostsLittle) {
  RuntimeSpec spec = Spec();
  spec.process.env = {"PATH=" + std::string(4 << 20, ':')};
  auto plan = BuildLaunchPlan(spec, Host(), Root(), {});
  ASSERT_TRUE(plan) << plan.error().what;
  const auto& execute = std::get<step::Execute>(plan->steps.back());
  EXPECT_LE(execute.candidates.size(), (128u << 10) + 1);
  EXPECT_EQ(execute.candidates.front(), "./sh");
}

TEST(LaunchPlan, Sentences) {
  auto plan = BuildLaunchPlan(Spec(), Host(), Root(), {});
  ASSERT_TRUE(plan);
  auto explain = [&](size_t step, int os_errno, ChildDetail detail = ChildDetail::kNone) {
    return ExplainStep(*plan, {ChildMessage::kFailed, static_cast<int32_t>(step), os_errno, detail}).what;
  };
  size_t proc = 0;
  while (Describe(plan->steps[proc]).find("mount proc on /proc") != 0) proc++;
  EXPECT_THAT(explain(proc, EPERM),
              HasSubstr("mount proc on /proc (nosuid,nodev,noexec): Operation not permitted; parts of"));
  EXPECT_THAT(explain(proc, ELOOP, ChildDetail::kDestination), HasSubstr("the mount point: Too many levels"));
  size_t last = plan->steps.size() - 1;
  EXPECT_EQ(explain(last, ENOENT), "executable file `sh` not found in $PATH: No such file or directory");
  EXPECT_EQ(ExplainStep(*plan, {ChildMessage::kFailed, static_cast<int32_t>(last), ENOENT}).code,
            Code::kNoCommand);
  EXPECT_EQ(ExplainStep(*plan, {ChildMessage::kFailed, static_cast<int32_t>(last), EACCES}).code,
            Code::kNotExecutable);
  for (int step : {-1, 1000}) EXPECT_THAT(explain(static_cast<size_t>(step), 0), HasSubstr("malformed"));
}

TEST(CleanPath, Cleans) {
  for (auto [path, clean] :
       {std::pair{"/", "/"}, {"", "/"}, {"//a/./b//", "/a/b"}, {"/a/../../b", "/b"}, {"a/b", "/a/b"}})
    EXPECT_EQ(CleanPath(path), clean);
}

}  // namespace
}  // namespace wolffia
