#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cgroup/limit_support.h"
#include "temp_dir.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using enum CgroupHost::Layout;
using enum CgroupHost::Way;

constexpr const char* kUnifiedMount =
    "24 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kLegacyMounts =
    "24 1 0:22 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup rw\n"
    "25 1 0:23 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory\n";

class CgroupHostTest : public testing::Test {
 protected:
  void Put(const std::string& path, std::string_view text) {
    const std::string whole = dir_ / path;
    ASSERT_TRUE(MakeDirectories(SplitPath(whole).first));
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, whole, text, 0600, Durability::kVolatile));
  }
  void Cgroup(const std::string& path, std::string_view controllers, std::string_view handed_down,
              std::string_view procs) {
    Put("sys/fs/cgroup" + path + "/cgroup.controllers", controllers);
    Put("sys/fs/cgroup" + path + "/cgroup.subtree_control", handed_down);
    Put("sys/fs/cgroup" + path + "/cgroup.procs", procs);
  }
  CgroupHost Detect(const CgroupHost::Wish& wish = {}) {
    return CgroupHost::Detect(context_, wish, 1000, dir_.path());
  }
  void Session() {
    Put("proc/self/mountinfo", kUnifiedMount);
    Put("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n");
    Put("run/systemd/system/x", "");
    Cgroup("/user.slice/user-1000.slice/user@1000.service", "cpu memory pids\n", "", "");
    context_.env["XDG_RUNTIME_DIR"] = "/run/user/1000";
  }

  TempDir dir_;
  Context context_;
};

TEST_F(CgroupHostTest, SystemdOfTheUser) {
  Session();
  Put("run/user/1000/bus", "");
  CgroupHost host = Detect();
  EXPECT_EQ(host.layout, kUnified);
  EXPECT_EQ(host.way, kSystemd);
  EXPECT_EQ(host.bus_socket, dir_ / "run/user/1000/bus");
  EXPECT_FALSE(host.bus_is_private);
  EXPECT_THAT(host.controllers, ElementsAre("cpu", "memory", "pids"));
  Put("run/user/1000/systemd/private", "");
  EXPECT_TRUE(Detect().bus_is_private);

  EXPECT_TRUE(CheckCgroupSupport(host, {.limits = {.memory = 64 << 20}}));
  auto refused = CheckCgroupSupport(host, {.limits = {.cpuset_cpus = "0"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  for (const char* part : {"--cpuset-cpus", "cpuset controller", "user@.service.d/delegate.conf",
                           "Delegate=cpu cpuset io memory pids", "daemon-reload", "the administrator"})
    EXPECT_THAT(refused.error().what, HasSubstr(part));
  EXPECT_TRUE(CheckCgroupSupport(host, {.parent = "work.slice"}));
  EXPECT_FALSE(CheckCgroupSupport(host, {.parent = "work"}));
  EXPECT_FALSE(CheckCgroupSupport(host, {.mode = "disabled", .limits = {.memory = 64 << 20}}));
}

TEST_F(CgroupHostTest, SystemdThatCannotBeReached) {
  Session();
  CgroupHost host = Detect();
  EXPECT_EQ(host.way, kNone);
  EXPECT_THAT(SupportOf(host, "memory").remedy, HasSubstr("loginctl enable-linger"));
  EXPECT_TRUE(CheckCgroupSupport(host, {.limits = {.pids = 2048, .pids_by_default = true}}));
}

TEST_F(CgroupHostTest, HybridAndLegacy) {
  Put("proc/self/mountinfo", kLegacyMounts);
  Put("proc/self/cgroup", "3:memory:/x\n0::/x\n");
  CgroupHost host = Detect();
  EXPECT_EQ(host.layout, kHybrid);
  EXPECT_THAT(SupportOf(host, "memory").remedy, HasSubstr("cgroup_no_v1=all"));
  Put("run/systemd/system/x", "");
  EXPECT_THAT(SupportOf(Detect(), "memory").remedy, HasSubstr("systemd.unified_cgroup_hierarchy=1"));
  Put("proc/self/mountinfo", "25 1 0:23 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory\n");
  EXPECT_EQ(Detect().layout, kLegacy);
  Put("proc/self/mountinfo", "");
  EXPECT_EQ(Detect().layout, CgroupHost::Layout::kMissing);
}

TEST_F(CgroupHostTest, OwnCgroup) {
  Put("proc/self/mountinfo", kUnifiedMount);
  Put("proc/self/cgroup", "0::/job\n");
  Cgroup("/job", "cpu memory pids\n", "\n", "17\n");
  CgroupHost host = Detect();
  EXPECT_EQ(host.way, kOwn);
  EXPECT_EQ(host.base, dir_ / "sys/fs/cgroup/job");
  EXPECT_TRUE(host.busy);
  LimitVerdict verdict = SupportOf(host, "memory");
  EXPECT_FALSE(verdict.holds);
  EXPECT_THAT(verdict.remedy, HasSubstr("cgroups.move_own = true"));
  EXPECT_THAT(SupportOf(host, "io").remedy, HasSubstr("+io"));
  EXPECT_TRUE(SupportOf(Detect({.move_own = true}), "memory").holds);

  // One that is empty hands down what it has.
  Cgroup("/job/empty", "memory\n", "", "");
  EXPECT_TRUE(SupportOf(Detect({.parent = "empty"}), "memory").holds);
  EXPECT_TRUE(SupportOf(Detect({.parent = "/job/empty"}), "memory").holds);
  EXPECT_EQ(Detect({.parent = "missing"}).way, kNone);

  // Whoever was moved aside comes back to the same place.
  Put("proc/self/cgroup", "0::/job/wolffia-others\n");
  EXPECT_EQ(Detect().base, dir_ / "sys/fs/cgroup/job");
}

TEST_F(CgroupHostTest, SplitStaysBelowOurOwn) {
  Session();
  Put("run/user/1000/bus", "");
  Cgroup("/user.slice/user-1000.slice/session-2.scope", "memory\n", "", "");
  EXPECT_EQ(Detect({.below_own = true}).way, kOwn);
}

TEST(CgroupPath, OfTheUnifiedHierarchy) {
  EXPECT_EQ(UnifiedPath("12:memory:/a\n0::/b/c\n"), "/b/c");
  EXPECT_EQ(UnifiedPath("12:memory:/a\n"), "");
  EXPECT_EQ(CgroupDirectory("/m", "/", "/a"), "/m/a");
  EXPECT_EQ(CgroupDirectory("/m", "/", "/"), "/m");
  EXPECT_EQ(CgroupDirectory("/m", "/a", "/a/b"), "/m/b");
  EXPECT_EQ(CgroupDirectory("/m", "/a", "/ab"), "");
  EXPECT_EQ(CgroupDirectory("/m", "/", "/../x"), "");
}

}  // namespace
}  // namespace wolffia
