// Every step of a start fails once.
#include "tests/integration/runtime_run.h"

namespace wolffia {
namespace {

class RuntimeFault : public RuntimeRun {
 protected:
  void FailAt(const RuntimeSpec& spec, const LaunchPlan& plan, size_t step) {
    const bool auto_remove = step % 2 == 0;
    const std::string words = Describe(plan.steps[step]);
    auto container = Create(spec, auto_remove);
    ASSERT_TRUE(container);
    auto sockets = *MakeSocketPair();
    Fd lock(fcntl(container->lock.fd(), F_DUPFD_CLOEXEC, 3));
    container->lock.Release();
    pid_t monitor = fork();
    if (monitor == 0) {
      sockets.ours.Reset();
      Context context = context_;
      RunMonitor(context, {std::move(sockets.theirs), std::move(lock), LaunchPlan::Fault{step, EXDEV}});
      _exit(0);
    }
    lock.Reset();
    sockets.theirs.Reset();
    StartRequest request{store_->root_path(), store_->runroot_path(), container->id, true};
    ASSERT_TRUE(SendPacket(sockets.ours.get(), Encode(request)));
    auto packet = ReceivePacket(sockets.ours.get());
    waitpid(monitor, nullptr, 0);
    auto message = packet ? DecodeControl(packet->data) : std::unexpected(packet.error());
    const auto* failed = message ? std::get_if<Failed>(&*message) : nullptr;
    ASSERT_NE(failed, nullptr) << words;
    EXPECT_THAT(failed->error.what, HasSubstr("Invalid cross-device link"));
    // The paths of this container are not those of the plan that the test made.
    if (!std::holds_alternative<step::EnterDirectory>(plan.steps[step]) &&
        !std::holds_alternative<step::MountOverlay>(plan.steps[step])) {
      EXPECT_THAT(failed->error.what, testing::StartsWith(words));
    }
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
    EXPECT_EQ(Leftovers(), "") << words;
    auto status = ContainerStore(*store_).Get(container->id);
    EXPECT_EQ(status.has_value(), !auto_remove) << words;
    if (!status) return;
    ASSERT_TRUE(status->exited) << words;
    // The program, or the directory that it is to work in.
    const bool of_command = std::holds_alternative<step::Execute>(plan.steps[step]) ||
                            std::holds_alternative<step::ChangeDirectory>(plan.steps[step]);
    EXPECT_EQ(status->exited->exit_code, of_command ? 126 : 125);
    EXPECT_EQ(status->exited->error, failed->error.what);
    std::string left_over;
    auto removed = ContainerStore(*store_).Remove(container->id, &left_over);
    EXPECT_TRUE(removed) << removed.error().what;
  }
};

// Every step of a start fails once: a sentence that names the step, and nothing left.
TEST_F(RuntimeFault, EveryStepMayFail) {
  MakeImage();
  ASSERT_EQ(mkdir((base_ + "/bound").c_str(), 0755), 0);
  struct Case {
    bool layered;
    const char* upper = "kernel";
    bool memory = false;
  };
  for (const Case& c : {Case{false}, Case{true}, Case{true, "fuse"}, Case{true, "fuse", true}}) {
    RuntimeSpec spec = c.layered ? LayeredSpec({"true"}) : Spec({"true"});
    upper_ = c.upper;
    memory_ = c.memory;
    spec.mounts.push_back({"/bind", "bind", base_ + "/bound", {"rbind", "ro"}});
    spec.process.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
    spec.process.oom_score_adj = 500;
    spec.process.no_new_privileges = true;
    spec.seccomp = DefaultSeccomp(spec.process.capabilities.bounding);
    RootSource root{.container_dir = "x", .layered = c.layered, .fuse_upper = upper_ == "fuse"};
    if (c.memory) root.memory = MemoryUpper{};
    root.volatile_upper = true;
    LaunchOptions options{.stdin_open = false, .seccomp = std::vector<sock_filter>(1)};
    LaunchPlan plan = *BuildLaunchPlan(spec, HostFacts::ForLaunch(context_), root, options);
    for (size_t step = 0; step < plan.steps.size(); step++) FailAt(spec, plan, step);
  }
}

}  // namespace
}  // namespace wolffia
