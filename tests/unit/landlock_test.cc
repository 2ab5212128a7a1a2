// Landlock policies: from the file to the numbers, for kernels of every version; what the runtime
// specification keeps of them; and the running kernel's own answer.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "engine/config/landlock_file.h"
#include "engine/landlock/uapi.h"
#include "engine/runtime/landlock_annotation.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

using namespace landlock;
using testing::ElementsAre;
using testing::HasSubstr;

LandlockPolicy Parse(std::string_view text) {
  auto policy = ParseLandlockPolicy(text, "p.toml");
  EXPECT_TRUE(policy) << policy.error().what;
  return policy.value_or(LandlockPolicy());
}

const LandlockPolicy& Full() {
  static const LandlockPolicy kPolicy = Parse(R"(
read = ["/etc", "-/missing"]
write = ["/tmp"]
exec = ["/bin", "/tmp"]
bind-tcp = [0, 8080]
connect-tcp = [443, 8080]
scope = ["abstract-unix-socket", "signal"]
best-effort = true
)");
  return kPolicy;
}

TEST(LandlockPolicy, IsReadFromItsFile) {
  LandlockPolicy expected{.name = "p.toml",
                          .read = {{"/etc", "-/missing"}},
                          .write = {{"/tmp"}},
                          .exec = {{"/bin", "/tmp"}},
                          .bind_tcp = {{0, 8080}},
                          .connect_tcp = {{443, 8080}},
                          .scope_abstract_sockets = true,
                          .scope_signals = true,
                          .best_effort = true};
  EXPECT_EQ(Full(), expected);
  EXPECT_EQ(Parse("write = []"), (LandlockPolicy{.name = "p.toml", .write = {{}}}));
}

TEST(LandlockPolicy, WhatIsWrongIsNamedWithItsPlace) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"", "restricts nothing"},
      {"best-effort = true", "restricts nothing"},
      {"scope = []", "restricts nothing"},
      {"read = [\"/a\"]\nwirte = []", "p.toml:2:1: wirte: unknown key"},
      {"read = \"/a\"", "p.toml:1:8: read: not an array of paths"},
      {"read = [\"/a\",\n \"b\"]", "p.toml:2:2: read: 'b' is not an absolute path"},
      {"read = [\"-\"]", "is not an absolute path"},
      {"read = [7]", "is not an absolute path"},
      {"read = [\"/a\\u0000b\"]", "NUL"},
      {"bind-tcp = [65536]", "bind-tcp: not a port number from 0 to 65535"},
      {"connect-tcp = [0]", "not a port number from 1 to 65535"},
      {"connect-tcp = [-1]", "not a port number"},
      {"connect-tcp = [\"80\"]", "not a port number"},
      {"scope = [\"all\"]", "'all' is no scope"},
      {"scope = [[\"signal\"]]", "is no scope"},
      {"best-effort = 1\nread = []", "best-effort: not true or false"},
      {"read = [", "p.toml:1:"},
  };
  for (const auto& [text, words] : kWrong) {
    auto policy = ParseLandlockPolicy(text, "p.toml");
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, Code::kInvalid);
    EXPECT_THAT(policy.error().what, HasSubstr(words)) << text;
  }
  std::string many = "read = [";
  for (int i = 0; i < 4097; i++) many += "\"/a\",";
  EXPECT_THAT(ParseLandlockPolicy(many + "]", "p").error().what, HasSubstr("more than 4096"));
  EXPECT_THAT(ParseLandlockPolicy("read=[\"/" + std::string(4095, 'x') + "\"]", "p").error().what,
              HasSubstr("too long"));
  EXPECT_EQ(ReadLandlockFile("/dev/zero").error().code, Code::kInvalid);
  EXPECT_EQ(ReadLandlockFile("/no/such").error().code, Code::kNotFound);
}

TEST(LandlockPolicy, SurvivesTheRuntimeSpecification) {
  RuntimeSpec spec;
  spec.process.args = {"true"};
  for (const LandlockPolicy& policy :
       {Full(), Parse("write = []"), Parse("bind-tcp = []\nscope = [\"signal\"]")}) {
    PutLandlock(policy, spec);
    auto again = RuntimeSpec::Parse(spec.Serialize());
    ASSERT_TRUE(again) << again.error().what;
    auto read = LandlockOf(*again);
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(**read, policy);
  }
  EXPECT_FALSE(*LandlockOf(RuntimeSpec()));
  for (const char* wrong : {"", "[]", R"({"read":["etc"]})", R"({"bind-tcp":[65536]})",
                            R"({"bind-tcp":[-1]})", R"({"scope":["all"]})", R"({"write":"/x"})"}) {
    spec.annotations[kLandlockAnnotation] = wrong;
    EXPECT_FALSE(LandlockOf(spec)) << wrong;
  }
}

TEST(CompileLandlock, WithAllThatTheNewestKernelHas) {
  auto compiled = CompileLandlock(Full(), 7);
  ASSERT_TRUE(compiled);
  const LandlockRuleset& rules = compiled->ruleset;
  EXPECT_TRUE(compiled->lost.empty());
  EXPECT_EQ(rules.handled_fs, (uint64_t{1} << 16) - 1);
  EXPECT_EQ(rules.handled_net, kBindTcp | kConnectTcp);
  EXPECT_EQ(rules.scoped, kScopeAbstractSocket | kScopeSignal);
  const uint64_t read = kReadFile | kReadDirectory, all = (uint64_t{1} << 16) - 1;
  EXPECT_THAT(rules.paths, ElementsAre(LandlockRuleset::Path{"/etc", read, false},
                                       LandlockRuleset::Path{"/missing", read, true},
                                       LandlockRuleset::Path{"/tmp", all, false},
                                       LandlockRuleset::Path{"/bin", read | kExecute, false}));
  EXPECT_THAT(rules.ports, ElementsAre(LandlockRuleset::Port{0, kBindTcp},
                                       LandlockRuleset::Port{8080, kBindTcp | kConnectTcp},
                                       LandlockRuleset::Port{443, kConnectTcp}));
}

TEST(CompileLandlock, ListsThatAreMissingRestrictNothing) {
  auto compiled = CompileLandlock(Parse("exec = [\"/bin\"]"), 7);
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->ruleset.handled_fs, kExecute | kRefer);
  EXPECT_EQ(compiled->ruleset.handled_net, 0u);
  EXPECT_THAT(compiled->ruleset.paths, ElementsAre(LandlockRuleset::Path{"/", kRefer, false},
                                                   LandlockRuleset::Path{"/bin", kExecute, false}));
  auto network = CompileLandlock(Parse("connect-tcp = []"), 4);
  ASSERT_TRUE(network);
  EXPECT_EQ(network->ruleset, (LandlockRuleset{.handled_net = kConnectTcp}));
}

TEST(CompileLandlock, OlderKernelsRefuseOrReport) {
  LandlockPolicy strict = Full();
  strict.best_effort = false;
  const size_t kLost[] = {7, 6, 6, 5, 3, 2, 0};  // of versions 0 to 6
  for (int version = 0; version <= 6; version++) {
    auto compiled = CompileLandlock(Full(), version);
    ASSERT_TRUE(compiled);
    EXPECT_EQ(compiled->lost.size(), kLost[version]) << version;
    EXPECT_EQ(compiled->ruleset.empty(), version == 0);
    for (const auto& rule : compiled->ruleset.paths) {
      EXPECT_NE(rule.access, 0u);
      EXPECT_EQ(rule.access & ~compiled->ruleset.handled_fs, 0u) << "the kernel would refuse it";
    }
    EXPECT_TRUE(version >= 4 || compiled->ruleset.ports.empty());
    EXPECT_TRUE(version >= 2 || (compiled->ruleset.handled_fs & kRefer) == 0);
    auto refused = CompileLandlock(strict, version);
    EXPECT_EQ(refused.has_value(), version == 6);
    EXPECT_TRUE(refused || refused.error().code == Code::kUnsupported);
  }
  auto refused = CompileLandlock(strict, 5);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("has version 5 of Landlock"));
  EXPECT_THAT(refused.error().what, HasSubstr("the scope signal (since Linux 6.12)"));
  EXPECT_THAT(refused.error().what, HasSubstr("best-effort = true"));
  EXPECT_THAT(CompileLandlock(strict, 0).error().what, HasSubstr("has no Landlock"));
  // What an old kernel does hold is not refused there.
  EXPECT_TRUE(CompileLandlock(Parse("read = [\"/\"]\nexec = []"), 1));
}

// Runs `body` in a child under the rules; its exit code.
int Confined(const LandlockRuleset& rules, int (*body)(const std::string&), const std::string& dir) {
  const pid_t pid = fork();
  if (pid == 0) _exit(RestrictSelf(rules) ? body(dir) : 99);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

bool Opens(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

TEST(RestrictSelf, TheKernelHoldsIt) {
  const int version = LandlockVersion();
  if (version < 4) GTEST_SKIP() << "this kernel has version " << version << " of Landlock";
  TempDir dir;
  const std::string base = dir.path();
  ASSERT_EQ(mkdir((base + "/in").c_str(), 0700), 0);
  ASSERT_EQ(mkdir((base + "/out").c_str(), 0700), 0);
  std::ofstream(base + "/in/file") << "x";
  std::ofstream(base + "/out/file") << "x";
  LandlockPolicy policy{.name = "test", .connect_tcp = {{1}}, .best_effort = true};
  policy.read = {{base + "/in"}};
  policy.write = {{base + "/in", "-" + base + "/missing"}};
  policy.bind_tcp.emplace();
  auto compiled = CompileLandlock(policy, version);
  ASSERT_TRUE(compiled);
  EXPECT_EQ(
      Confined(
          compiled->ruleset,
          [](const std::string& d) {
            if (!Opens(d + "/in/file", O_RDWR) || !Opens(d + "/in/new", O_WRONLY | O_CREAT)) return 1;
            if (Opens(d + "/out/file", O_RDONLY) || errno != EACCES) return 2;
            if (Opens(d + "/out/file", O_WRONLY) || Opens(d + "/out/new", O_WRONLY | O_CREAT)) return 3;
            if (Opens(d + "/out", O_RDONLY | O_DIRECTORY)) return 4;
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            address.sin_port = htons(2);
            const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (connect(s, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno != EACCES)
              return 5;
            address.sin_port = htons(1);
            if (connect(s, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno == EACCES)
              return 6;
            address.sin_port = 0;
            const int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (bind(b, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno != EACCES)
              return 7;
            return 0;
          },
          base),
      0);

  policy.read->push_back(base + "/missing");
  compiled = CompileLandlock(policy, version);
  auto refused = RestrictSelf(compiled->ruleset);  // before anything is given up
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_TRUE(Opens(base + "/out/file", O_RDONLY));
}

}  // namespace
}  // namespace wolffia
