#include "engine/cgroup/cgroup_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cgroup/cgroup_file.h"
#include "engine/cgroup/cgroup_usage.h"
#include "engine/cgroup/fork_into.h"
#include "engine/cgroup/io_weighing.h"
#include "temp_dir.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Lines(const ResourceLimits& limits) {
  std::vector<std::string> lines;
  for (const CgroupWrite& write : PlanLimits(limits))
    lines.push_back(write.controller + " " + write.file + "=" + write.text);
  return lines;
}

TEST(CgroupLimits, NothingAskedIsNothingWritten) {
  EXPECT_THAT(Lines({}), ElementsAre());
  EXPECT_FALSE(ResourceLimits{}.Any());
  EXPECT_FALSE((ResourceLimits{.pids = 2048, .pids_by_default = true}.Any()));
  EXPECT_TRUE((ResourceLimits{.pids = 2048}.Any()));
}

TEST(CgroupLimits, Memory) {
  const std::string helpers = "memory ../supervisor/memory.high=";
  EXPECT_THAT(
      Lines({.memory = 64 << 20}),
      ElementsAre("memory memory.max=67108864", "memory memory.swap.max=67108864", helpers + "134217728"));
  EXPECT_THAT(
      Lines({.memory = 256 << 20, .memory_swap = 272 << 20}),
      ElementsAre("memory memory.max=268435456", "memory memory.swap.max=16777216", helpers + "268435456"));
  EXPECT_THAT(Lines({.memory = 64 << 20, .memory_swap = -1}),
              ElementsAre("memory memory.max=67108864", "memory memory.swap.max=max", helpers + "134217728"));
  EXPECT_THAT(
      Lines({.memory = -1, .memory_reservation = 1 << 20, .memory_high = 2 << 20}),
      ElementsAre("memory memory.max=max", "memory memory.swap.max=max", helpers + "max",
                  "memory ../memory.low=1048576", "memory memory.low=1048576", "memory memory.high=2097152"));
}

TEST(CgroupLimits, Processor) {
  EXPECT_THAT(Lines({.cpu_period = 100000, .cpu_quota = 150000, .cpuset_cpus = "0-1", .cpuset_mems = "0"}),
              ElementsAre("cpu cpu.max=150000 100000", "cpuset cpuset.cpus=0-1", "cpuset cpuset.mems=0"));
  EXPECT_THAT(Lines({.cpu_quota = -1}), ElementsAre("cpu cpu.max=max 100000"));
  for (const auto& [shares, weight] : {std::pair(2, 1), {512, 58}, {1024, 100}, {2048, 173}, {262144, 10000}})
    EXPECT_THAT(Lines({.cpu_shares = static_cast<uint64_t>(shares)}),
                ElementsAre("cpu ../cpu.weight=" + std::to_string(weight)));
}

// So `--pids-limit -1` runs where nothing can be limited.
TEST(CgroupLimits, NoLimitHoldsAnywhere) {
  for (const ResourceLimits& limits : {ResourceLimits{.memory = -1},
                                       {.memory_swap = -1},
                                       {.memory_reservation = -1},
                                       {.memory_high = -1},
                                       {.cpu_quota = -1},
                                       {.pids = -1}})
    for (const CgroupWrite& write : PlanLimits(limits)) EXPECT_TRUE(write.optional) << write.flag;
  EXPECT_FALSE(PlanLimits({.cpu_period = 50000})[0].optional);
  EXPECT_FALSE(PlanLimits({.pids = 1})[0].optional);
}

TEST(CgroupLimits, FlagsAreTheUsers) {
  EXPECT_EQ(PlanLimits({.cpu_period = 100000, .cpu_quota = 5000})[0].flag, "--cpus");
  EXPECT_EQ(PlanLimits({.cpu_quota = 5000})[0].flag, "--cpu-quota");
  EXPECT_EQ(PlanLimits({.cpu_period = 50000})[0].flag, "--cpu-period");
}

TEST(CgroupLimits, BlockDevices) {
  ResourceLimits limits{.blkio_weight = 10};
  limits.blkio_weight_device = {{"/dev/x", 8, 16, 1000}};
  limits.read_bps = {{"/dev/x", 8, 16, 1 << 20}};
  limits.write_iops = {{"/dev/x", 8, 16, 0}};
  EXPECT_THAT(Lines(limits), ElementsAre("io ../io.weight=default 1", "io ../io.weight=8:16 10000",
                                         "io ../io.max=8:16 rbps=1048576", "io ../io.max=8:16 wiops=max"));
  EXPECT_EQ(PlanLimits(limits)[1].other_text, "8:16 1000");
}

// What systemd makes of an io weight for bfq.
uint64_t OfBfq(uint64_t weight) {
  return weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900;
}

TEST(CgroupLimits, WeightsThatSystemdIsTold) {
  ResourceLimits limits{.blkio_weight = 500};
  limits.blkio_weight_device = {{"/dev/x", 8, 16, 1000}, {"/dev/y", 254, 0, 10}};
  using Devices = std::vector<std::pair<std::string, uint64_t>>;
  EXPECT_EQ(WeightsOf(limits, true).io, 4950u);
  EXPECT_EQ(WeightsOf(limits, true).io_devices, (Devices{{"/dev/block/8:16", 10000}, {"/dev/block/254:0", 1}}));
  EXPECT_EQ(WeightsOf(limits, false).io, 4500u);
  EXPECT_EQ(WeightsOf(limits, false).io_devices,
            (Devices{{"/dev/block/8:16", 10000}, {"/dev/block/254:0", 10}}));
  for (uint32_t weight = 10; weight <= 1000; weight++)
    EXPECT_EQ(OfBfq(WeightsOf({.blkio_weight = weight}, false).io), weight);
}

TEST(IoWeighing, OnlyBfqAndIoCostDivideDisks) {
  TempDir dir;
  auto put = [&](const std::string& path, std::string_view text) {
    ASSERT_TRUE(MakeDirectories(SplitPath(dir / path).first));
    ASSERT_TRUE(ReplaceFileAt(AT_FDCWD, dir / path, text, 0600, Durability::kVolatile));
  };
  auto warning = [&] { return IoWeightWarning(IoWeighing::Detect("/cg", dir.path())); };
  EXPECT_EQ(warning(), "");  // who knows
  put("sys/block/vda/queue/scheduler", "[none] mq-deadline bfq\n");
  put("cg/io.cost.qos", "254:0 enable=0 ctrl=auto\n");
  EXPECT_THAT(warning(), HasSubstr("changes nothing now"));
  put("cg/io.cost.qos", "254:0 enable=1 ctrl=user\n");
  EXPECT_EQ(warning(), "");
  put("cg/io.cost.qos", "");
  put("sys/block/vdb/queue/scheduler", "none mq-deadline [bfq]\n");
  EXPECT_EQ(warning(), "");
}

TEST(CgroupLimits, PidsAndFiles) {
  EXPECT_THAT(Lines({.pids = -1, .conf = {{"memory.oom.group", "1"}}}),
              ElementsAre("pids pids.max=max", "memory memory.oom.group=1"));
}

TEST(CgroupLimits, Contradictions) {
  auto error = [](ResourceLimits limits) {
    auto checked = CheckLimitValues(limits);
    return checked ? "" : checked.error().what;
  };
  EXPECT_THAT(error({.memory = 1}), HasSubstr("6m"));
  EXPECT_THAT(error({.memory_swap = 1 << 30}), HasSubstr("always set a memory limit"));
  EXPECT_THAT(error({.memory = 128 << 20, .memory_swap = 64 << 20}), HasSubstr("larger than memory limit"));
  EXPECT_THAT(error({.memory = 1 << 30, .memory_reservation = int64_t{2} << 30}),
              HasSubstr("memory reservation limit"));
  EXPECT_THAT(error({.cpu_shares = 1}), HasSubstr("--cpu-shares"));
  EXPECT_THAT(error({.cpu_period = 1}), HasSubstr("period"));
  EXPECT_THAT(error({.cpu_quota = 10}), HasSubstr("quota"));
  EXPECT_THAT(error({.blkio_weight = 5}), HasSubstr("from 10 to 1000"));
  EXPECT_EQ(error({.memory = 64 << 20, .memory_swap = -1, .cpu_shares = 2, .cpuset_cpus = "0,2-3"}), "");
}

TEST(CgroupLimits, CpuLists) {
  for (const char* good : {"0", "0-3", "0-3,8", "1,2,3"}) EXPECT_TRUE(IsCpuList(good)) << good;
  for (const char* bad : {"", ",", "1,", "3-1", "a", "0-", "-1", "1\n2", "99999999999"})
    EXPECT_FALSE(IsCpuList(bad)) << bad;
}

TEST(CgroupLimits, OnlyFilesOfControllers) {
  EXPECT_TRUE(CheckCgroupFile("memory.oom.group", "1"));
  EXPECT_TRUE(CheckCgroupFile("hugetlb.2MB.max", "0"));
  for (const char* bad : {"cgroup.procs", "cgroup.freeze", "../x.y", "memory", ".memory", "a/b.c", ""})
    EXPECT_FALSE(CheckCgroupFile(bad, "1")) << bad;
  EXPECT_FALSE(CheckCgroupFile("memory.high", ""));
  EXPECT_FALSE(CheckCgroupFile("memory.high", std::string_view("1\0", 2)));
}

// Files stand for those of a cgroup: what the first writes change is as before when a later one fails.
TEST(CgroupFile, AllOrNothing) {
  TempDir dir;
  for (const char* name : {"memory.max", "pids.max"})
    ASSERT_TRUE(CreateFileAt(dir.fd(), name, "max\n", 0600));
  const ResourceLimits limits{.memory = 64 << 20, .memory_swap = 64 << 20, .pids = 5};
  auto written = WriteLimits(dir.fd(), PlanLimits(limits));  // there is no memory.swap.max
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().what,
              HasSubstr("--memory-swap cannot hold: this kernel has no memory.swap.max"));
  EXPECT_THAT(*ReadCgroupFile(dir.fd(), "memory.max"), testing::StartsWith("max"));
  EXPECT_EQ(*ReadCgroupFile(dir.fd(), "pids.max"), "max\n");
  ASSERT_TRUE(WriteLimits(dir.fd(), PlanLimits({.memory = 64 << 20, .pids = 5})));
  EXPECT_THAT(*ReadCgroupFile(dir.fd(), "pids.max"), testing::StartsWith("5"));
}

TEST(CgroupFile, OneOfTwoFilesThatTakesAWeightIsEnough) {
  TempDir dir;
  ASSERT_TRUE(MakeDirectories(dir / "payload"));
  Fd payload = *OpenDirectory(dir.fd(), "payload");
  ResourceLimits limits{.blkio_weight = 100};
  limits.blkio_weight_device = {{"/dev/x", 8, 16, 1000}};
  auto refused = WriteLimits(payload.get(), PlanLimits(limits));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no io.weight (and no io.bfq.weight)"));
  ASSERT_TRUE(CreateFileAt(dir.fd(), "io.bfq.weight", "default 100\n8:16 50\n", 0600));
  LimitUndo undo;
  ASSERT_TRUE(WriteLimits(payload.get(), PlanLimits(limits), &undo));
  EXPECT_THAT(undo, ElementsAre(testing::Pair("../io.bfq.weight", "default 100"), testing::_));
  ASSERT_TRUE(MakeDirectories(dir / "io.weight"));  // cannot be written
  EXPECT_TRUE(WriteLimits(payload.get(), PlanLimits(limits)));
}

TEST(CgroupFile, TakenBackLater) {
  TempDir dir;
  ASSERT_TRUE(CreateFileAt(dir.fd(), "pids.max", "17\n", 0600));
  LimitUndo undo;
  ASSERT_TRUE(WriteLimits(dir.fd(), PlanLimits({.pids = 5000}), &undo));
  TakeBackLimits(dir.fd(), undo);
  EXPECT_THAT(*ReadCgroupFile(dir.fd(), "pids.max"), testing::StartsWith("17\n"));
}

// Directories stand for cgroups, whose files go with them.
TEST(CgroupFile, RemovesWhatAContainerMadeBelow) {
  TempDir dir;
  std::string deep = dir.path() + "/payload";
  ASSERT_EQ(mkdir(deep.c_str(), 0700), 0);
  ASSERT_EQ(mkdir((deep + "/beside").c_str(), 0700), 0);
  for (int i = 0; i < 300; i++) ASSERT_EQ(mkdir((deep += "/x").c_str(), 0700), 0);
  ASSERT_TRUE(RemoveCgroup(dir.fd(), "payload"));
  EXPECT_NE(access((dir.path() + "/payload").c_str(), F_OK), 0);
  EXPECT_TRUE(RemoveCgroup(dir.fd(), "payload"));  // nothing there is nothing to do
  ASSERT_EQ(mkdir((dir.path() + "/payload").c_str(), 0700), 0);
  ASSERT_EQ(mkdir((dir.path() + "/payload/busy").c_str(), 0700), 0);
  ASSERT_TRUE(CreateFileAt(dir.fd(), "payload/busy/process", "", 0600));
  EXPECT_FALSE(RemoveCgroup(dir.fd(), "payload"));
}

TEST(ForkInto, WhereBelowThePayload) {
  const std::string payload = "/sys/fs/cgroup/user.slice/wolffia-12.scope/payload";
  EXPECT_EQ(*PathBelow(payload, "0::/user.slice/wolffia-12.scope/payload\n"), "");
  EXPECT_EQ(*PathBelow(payload, "0::/user.slice/wolffia-12.scope/payload/init.scope\n"), "/init.scope");
  EXPECT_EQ(*PathBelow(payload, "1:cpu:/x\n0::/wolffia-12.scope/payload/a/b\n"), "/a/b");
  for (const char* elsewhere : {"", "0::/\n", "0::/user.slice/wolffia-13.scope/payload\n",
                                "0::/wolffia-12.scope/payloads\n", "0::/wolffia-12.scope/payload/../x\n"})
    EXPECT_FALSE(PathBelow(payload, elsewhere)) << elsewhere;
}

TEST(CgroupUsage, OfTheFilesOfACgroup) {
  TempDir dir;
  const auto put = [&](const char* name, const char* text) {
    ASSERT_TRUE(CreateFileAt(dir.fd(), name, text, 0600));
  };
  put("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
  put("memory.current", "10485760\n");
  put("memory.max", "20971520\n");
  put("memory.stat", "anon 1\ninactive_file 4194304\nactive_file 7\n");
  put("io.stat", "254:0 rbytes=4096 wbytes=100 rios=1\n8:0 rbytes=1 wbytes=2\n");
  put("memory.pressure",
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
  auto reading = ReadCgroupUsage(dir.path());
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->usage.cpu_ns, 1'500'000);
  EXPECT_EQ(reading->usage.system_ns, 500'000);
  EXPECT_EQ(reading->usage.memory, 6 << 20);
  EXPECT_EQ(reading->usage.memory_limit, 20 << 20);
  EXPECT_EQ(reading->usage.block_in, 4097);
  EXPECT_EQ(reading->usage.block_out, 102);
  EXPECT_FALSE(reading->has_pids);
  EXPECT_THAT(ReadPressure(dir.path()), ElementsAre(PressureLine{"memory", "some", 1.5, 0.25, 0, 77},
                                                    PressureLine{"memory", "full", 0, 0, 0, 5}));
  EXPECT_FALSE(ReadCgroupUsage(dir / "missing"));
}

TEST(CgroupFile, Numbers) {
  const std::string text = "low 0\noom 4\noom_kill 3\nmax max\n";
  EXPECT_EQ(CgroupNumber(text, "oom_kill"), 3);
  EXPECT_EQ(CgroupNumber(text, "oom"), 4);
  EXPECT_EQ(CgroupNumber(text, "max"), INT64_MAX);
  EXPECT_EQ(CgroupNumber(text, "oom_", -1), -1);
  EXPECT_EQ(CgroupValue("42\n"), 42);
}

}  // namespace
}  // namespace wolffia
