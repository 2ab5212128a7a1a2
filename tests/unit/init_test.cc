// wolffia-init, really run: exit codes, signals handed on, orphans reaped.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/base/process.h"

namespace wolffia {
namespace {

const std::string kInit = std::string(WOLFFIA_BIN_DIR) + "/wolffia-init";

Output Start(std::vector<std::string> argv) {
  argv.insert(argv.begin(), "wolffia-init");
  Result<Output> output = RunForOutput({.program = kInit, .argv = std::move(argv)}, "", 1 << 16);
  EXPECT_TRUE(output) << output.error().what;
  return output ? *std::move(output) : Output{};
}

TEST(Init, EndsAsTheCommandEnds) {
  EXPECT_EQ(Start({"--", "sh", "-c", "exit 7"}).status.code, 7);
  EXPECT_EQ(Start({"sh", "-c", "kill -9 $$"}).status.code, 137);
  EXPECT_EQ(Start({"--", "/nonexistent"}).status.code, 127);
  EXPECT_EQ(Start({"--", "/etc/passwd"}).status.code, 126);
  Output usage = Start({"--"});
  EXPECT_EQ(usage.status.code, 125);
  EXPECT_NE(usage.err.find("usage"), std::string::npos);
  EXPECT_EQ(Start({"--", "echo", "--", "a"}).out, "-- a\n");
}

TEST(Init, DoesNotChangeTheCommandsSignals) {
  EXPECT_EQ(Start({"--", "sh", "-c", "grep SigBlk /proc/self/status"}).out, "SigBlk:\t0000000000000000\n");
}

TEST(Init, HandsSignalsOn) {
  Pipe pipe = *MakePipe();
  SpawnRequest request{
      .program = kInit,
      .argv = {"wolffia-init", "--", "sh", "-c", "trap 'exit 9' TERM; echo r; while :; do sleep 0.05; done"}};
  request.donations.push_back({pipe.write.get(), 1});
  Result<Child> init = Spawn(request);
  ASSERT_TRUE(init) << init.error().what;
  char ready = 0;
  EXPECT_EQ(*ReadFull(pipe.read.get(), &ready, 1), 1u);
  EXPECT_TRUE(init->Signal(SIGTERM));
  EXPECT_EQ(init->Wait()->code, 9);
}

// The command leaves a child behind that ends later; as its subreaper the init gets and reaps it.
TEST(Init, ReapsOrphans) {
  EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
  Output output = Start({"--", "sh", "-c", "(sleep 0.05 &) ; sleep 0.2; exit 3"});
  EXPECT_EQ(output.status.code, 3);
}

}  // namespace
}  // namespace wolffia
