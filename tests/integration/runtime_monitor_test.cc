// The monitor: signals, deaths, what it holds and what it costs.
#include "tests/integration/runtime_run.h"

namespace wolffia {
namespace {

TEST_F(RuntimeRun, Signals) {
  auto running =
      Start(Spec({"sh", "-c", "trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 1; done"}));
  ASSERT_TRUE(running) << running.error().what;
  char buffer[6];
  ASSERT_EQ(*ReadFull(running->output.get(), buffer, 6), 6u);
  ASSERT_TRUE(running->client.control().Send(SignalRequest{SIGTERM}));
  auto exited = running->client.AwaitExit();
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->exit_code, 7);
  EXPECT_EQ(*ReadFd(running->output.get(), 100, "output"), "term\n");
}

TEST_F(RuntimeRun, TheContainerDiesWithTheMonitor) {
  for (uint32_t uid : {0u, 1000u}) {
    RuntimeSpec spec = Spec({"sleep", "1000"});
    spec.process.user = {uid, uid};
    auto running = Start(spec, false);
    ASSERT_TRUE(running) << running.error().what;
    int pid = running->started.pid;
    EXPECT_FALSE(Gone(pid));
    auto status = ContainerStore(*store_).Get(running->id);
    EXPECT_EQ(status->state, ContainerState::kRunning);
    EXPECT_EQ(status->started->pid, pid);
    kill(status->started->monitor_pid, SIGKILL);
    EXPECT_TRUE(Eventually([&] { return Gone(pid); }));
    EXPECT_EQ(running->client.AwaitExit().error().what, "the monitor died, and the container with it");
    EXPECT_TRUE(Eventually(
        [&] { return ContainerStore(*store_).Get(running->id)->state == ContainerState::kCrashed; }));
    EXPECT_TRUE(ContainerStore(*store_).Remove(running->id));
  }
}

// An entrypoint that goes on as a service's user loses PR_SET_PDEATHSIG: there the guard kills.
TEST_F(RuntimeRun, TheContainerDiesWithTheMonitorWhateverItsUser) {
  std::ofstream(rootfs_ + "/etc/passwd") << "service:x:1000:1000::/:/bin/sh\n";
  std::ofstream(rootfs_ + "/etc/group") << "service:x:1000:\n";
  auto running = Start(
      Spec({"busybox", "start-stop-daemon", "-S", "-c", "service", "-x", "/bin/sleep", "--", "1000"}), false);
  ASSERT_TRUE(running) << running.error().what;
  std::string proc = "/proc/" + std::to_string(running->started.pid);
  ASSERT_TRUE(Eventually([&] { return Text(proc + "/cmdline").starts_with("/bin/sleep"); }));
  int monitor = ContainerStore(*store_).Get(running->id)->started->monitor_pid;
  ASSERT_TRUE(Eventually([&] { return ChildrenOf(monitor).contains("wolffia-guard"); }));
  kill(monitor, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return Gone(running->started.pid); }));
  EXPECT_TRUE(Eventually(
      [&] { return ContainerStore(*store_).Get(running->id)->state == ContainerState::kCrashed; }));
  EXPECT_TRUE(ContainerStore(*store_).Remove(running->id));
}

// The parent's death before PR_SET_PDEATHSIG is set sends no signal: the child looks for itself.
TEST_F(RuntimeRun, AChildOfADeadParentExecutesNothing) {
  LaunchPlan plan;
  plan.steps.push_back(step::DieWithParent{});
  plan.steps.push_back(step::Execute{{"touch", base_ + "/ran"}, {}, {kBusybox}});
  for (bool dead : {false, true}) {
    SocketPair sockets = *MakeSocketPair();
    ChildMemory memory(plan);
    if (dead) sockets.ours.Reset();
    pid_t child = fork();
    if (child == 0) RunLaunchChild(plan, memory, sockets.theirs.get());
    sockets.theirs.Reset();
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), dead ? 125 : 0);
    EXPECT_EQ(unlink((base_ + "/ran").c_str()) == 0, !dead);
  }
}

TEST_F(RuntimeRun, TheMonitorHoldsNothingOfItsCaller) {
  int caller[2];
  ASSERT_EQ(pipe(caller), 0);  // inherited by every program, as a shell's redirection is
  auto running = Start(Spec({"sleep", "1000"}));
  ASSERT_TRUE(running) << running.error().what;
  close(caller[1]);
  pollfd end = {caller[0], POLLIN, 0};
  EXPECT_EQ(poll(&end, 1, 5000), 1) << "somebody holds the other end";
  close(caller[0]);
  kill(running->started.pid, SIGKILL);
  EXPECT_EQ(running->client.AwaitExit()->exit_code, 137);
}

TEST_F(RuntimeRun, TheContainerOutlivesTheClient) {
  std::string id;
  int pid;
  {
    pid_t cli = fork();
    if (cli == 0) {
      auto running = Start(Spec({"sh", "-c", "sleep 1; exit 9"}), false);
      if (!running) _exit(1);
      std::ofstream(base_ + "/id") << running->id;
      kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(cli, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    id = Text(base_ + "/id");
    pid = ContainerStore(*store_).Get(id)->started->pid;
  }
  EXPECT_FALSE(Gone(pid));
  EXPECT_TRUE(Eventually([&] { return ContainerStore(*store_).Get(id)->state == ContainerState::kExited; }));
  EXPECT_EQ(ContainerStore(*store_).Get(id)->exited->exit_code, 9);
  EXPECT_TRUE(ContainerStore(*store_).Remove(id));
}

// What every container costs its host. Debug builds and sanitizers have their own ideas of memory.
TEST_F(RuntimeRun, AnIdleMonitorIsSmall) {
  MakeImage();
  RuntimeSpec spec = LayeredSpec({"sh", "-c", "ls -lR / >/dev/null 2>&1; echo ready; sleep 100"});
  spec.seccomp = DefaultSeccomp(spec.process.capabilities.bounding);
  for (const char* upper : {"kernel", "fuse"}) {
    upper_ = upper;
    auto running = Start(spec);
    ASSERT_TRUE(running) << running.error().what;
    char buffer[6];
    ASSERT_EQ(*ReadFull(running->output.get(), buffer, 6), 6u);
    int monitor = ContainerStore(*store_).Get(running->id)->started->monitor_pid;
    std::string status = Text("/proc/" + std::to_string(monitor) + "/status");
    int kilobytes = atoi(status.c_str() + status.find("VmRSS:") + 6);
    std::cout << upper << ": VmRSS " << kilobytes << " kB, threads"
              << status.substr(status.find("Threads:") + 8, 3);
    std::cout << Text("/proc/" + std::to_string(monitor) + "/smaps_rollup");
#if defined(NDEBUG) && !defined(WOLFFIA_SANITIZED)
    EXPECT_LE(kilobytes, 6 * 1024);
#endif
    kill(running->started.pid, SIGKILL);
    EXPECT_EQ(running->client.AwaitExit()->exit_code, 137);
  }
}

}  // namespace
}  // namespace wolffia
