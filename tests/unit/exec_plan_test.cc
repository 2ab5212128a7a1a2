// The plan of an exec against golden files (tests/data/plans/exec-*.txt; WOLFFIA_UPDATE_GOLDEN=1 writes them
// again).
#include "engine/runtime/exec_plan.h"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/file.h"

namespace wolffia {
namespace {

constexpr const char* kPasswd = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/srv:/bin/sh\n";
constexpr const char* kGroup = "root:x:0:\nwww:x:34:\nextra:x:40:www\nfar:x:99999999:www\n";

RuntimeSpec Spec() {
  RuntimeSpec spec;
  spec.process.args = {"sleep", "9"};
  spec.process.env = {"PATH=/bin", "HOME=/root", "A=1"};
  spec.process.cwd = "/work";
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, 4096}};
  spec.uid_mappings = {{0, 1000, 1}, {1, 100000, 65536}};
  spec.gid_mappings = spec.uid_mappings;
  for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup"})
    spec.namespaces.push_back({type, ""});
  auto& caps = spec.process.capabilities;
  caps.bounding = caps.effective = caps.permitted = {"CAP_CHOWN", "CAP_KILL"};
  return spec;
}

ExecInputs Inputs(const RuntimeSpec& spec, const ExecRequest& request) {
  return {.spec = spec, .request = request, .passwd = kPasswd, .group = kGroup, .last_capability = 40};
}

void ExpectGolden(const std::string& name, const RuntimeSpec& spec, const ExecRequest& request) {
  ExecInputs inputs = Inputs(spec, request);
  inputs.seccomp = std::vector<sock_filter>(1);
  auto plan = BuildExecPlan(std::move(inputs));
  ASSERT_TRUE(plan) << plan.error().what;
  std::string path = std::string(WOLFFIA_TEST_DATA) + "/plans/" + name + ".txt";
  if (getenv("WOLFFIA_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << DescribePlan(*plan);
  EXPECT_EQ(DescribePlan(*plan), ReadFile(path, 1 << 20).value_or("missing")) << path;
}

TEST(ExecPlan, Plain) {
  ExpectGolden("exec", Spec(), {.command = {"true"}});
}

TEST(ExecPlan, TerminalOfAnotherUser) {
  ExpectGolden("exec-terminal", Spec(), {.command = {"sh"}, .user = "www", .tty = true, .size = {24, 80}});
}

TEST(ExecPlan, Privileged) {
  ExpectGolden("exec-privileged", Spec(), {.command = {"sh"}, .working_dir = "/etc", .privileged = true});
}

TEST(ExecProcess, UserVariablesAndPrivileges) {
  RuntimeSpec spec = Spec();
  auto process =
      BuildExecProcess(Inputs(spec, {.command = {"sh"}, .env = {"A=2", "B=3"}, .user = "www", .tty = true}));
  ASSERT_TRUE(process) << process.error().what;
  EXPECT_EQ(process->env, (std::vector<std::string>{"PATH=/bin", "HOME=/srv", "A=2", "TERM=xterm", "B=3"}));
  EXPECT_EQ(process->user.uid, 33u);
  EXPECT_EQ(process->user.gid, 34u);
  EXPECT_EQ(process->user.additional_gids, std::vector<uint32_t>{40});  // what no namespace maps is left out
  EXPECT_TRUE(process->capabilities.effective.empty());
  EXPECT_EQ(process->capabilities.bounding.size(), 2u);

  spec.process.env[1] = "HOME=/set/on/purpose";
  process = BuildExecProcess(Inputs(spec, {.command = {"sh"}, .user = "33"}));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->env[1], "HOME=/set/on/purpose");

  spec.process.user = {33, 34, {}, {40}};
  spec.process.capabilities.effective = spec.process.capabilities.permitted = {};
  process = BuildExecProcess(Inputs(spec, {.command = {"sh"}}));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->user, spec.process.user);
  process = BuildExecProcess(Inputs(spec, {.command = {"sh"}, .user = "0"}));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->capabilities.effective.size(), 2u);  // root of the container is root
  process = BuildExecProcess(Inputs(spec, {.command = {"sh"}, .user = "0", .privileged = true}));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->capabilities.effective.size(), 41u);
}

TEST(ExecProcess, Refusals) {
  RuntimeSpec spec = Spec();
  const struct {
    ExecRequest request;
    const char* words;
  } cases[] = {
      {{.command = {"sh"}, .user = "nobody-here"}, "unable to find user nobody-here"},
      {{.command = {"sh"}, .user = "0:nobody-here"}, "unable to find group nobody-here"},
      {{.command = {"sh"}, .user = "99999999"}, "is not mapped"},
      {{.command = {"sh"}, .working_dir = "relative"}, "not an absolute path"},
      {{.command = {""}}, "empty string"},
  };
  for (const auto& c : cases) {
    auto plan = BuildExecPlan(Inputs(spec, c.request));
    ASSERT_FALSE(plan) << c.words;
    EXPECT_NE(plan.error().what.find(c.words), std::string::npos) << plan.error().what;
  }
}

TEST(ExecOrder, Survives) {
  ExecOrder order{.store_root = "/a b", .store_runroot = "/run", .container_id = std::string(64, 'a')};
  order.request = {
      .command = {"sh", "-c", "x\ny"}, .env = {"A=\xff", "B="}, .user = "u:g", .id = "id", .tty = true};
  order.request.events = false;
  order.request.size = {24, 80};
  order.request.timeout_ms = 1'000'000'000'000;
  auto decoded = DecodeExecOrder(Encode(order));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, order);
  const std::string bytes = Encode(order);
  for (size_t size = 0; size < bytes.size(); size++)
    EXPECT_FALSE(DecodeExecOrder(bytes.substr(0, size))) << size;
  EXPECT_FALSE(DecodeExecOrder(bytes + "x"));
  std::string huge(8, '\xff');
  EXPECT_FALSE(DecodeExecOrder(huge));
}

}  // namespace
}  // namespace wolffia
