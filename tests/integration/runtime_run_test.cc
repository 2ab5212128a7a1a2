// Real starts, as the user who runs the tests: a root directory with busybox in it, the store in a temporary
// directory, the monitor's program. Every test checks at its end that no process, mount or tmp entry is left.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/base/file.h"
#include "engine/runtime/launch_child.h"
#include "engine/runtime/monitor.h"
#include "engine/runtime/monitor_client.h"
#include "engine/runtime/remove_tree.h"
#include "engine/runtime/seccomp.h"
#include "storage/layer_writer.h"
#include "tests/unit/usual_mounts.h"

namespace wolffia {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kBusybox = "/bin/busybox";

std::string Text(const std::string& path) {
  return ReadFile(path, 1 << 20).value_or("");
}

bool Gone(int pid) {
  return kill(pid, 0) < 0 && errno == ESRCH;
}

// The names of a process's children.
std::set<std::string> ChildrenOf(int pid) {
  std::string proc = "/proc/" + std::to_string(pid);
  std::istringstream children(Text(proc + "/task/" + std::to_string(pid) + "/children"));
  std::set<std::string> names;
  for (std::string child; children >> child;) {
    std::string name = Text("/proc/" + child + "/comm");
    names.insert(name.substr(0, name.find('\n')));
  }
  return names;
}

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; i++) {
    if (condition()) return true;
    poll(nullptr, 0, 10);
  }
  return false;
}

class RuntimeRun : public testing::Test {
 protected:
  void SetUp() override {
    if (getuid() == 0) GTEST_SKIP() << "runs as an ordinary user only: scripts/as-tester";
    while (waitpid(-1, nullptr, 0) > 0) {  // monitors that other tests left to themselves
    }
    context_ = Context::OfProcess();
    facts_ = *HostFacts::Gather(context_);
    std::string pattern =
        std::string(getenv("TMPDIR") != nullptr ? getenv("TMPDIR") : "/tmp") + "/wolffia-run.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    MakeRootfs();
    store_.emplace(*Store::Open({base_ + "/data", base_ + "/run", Durability::kVolatile}));
  }

  void TearDown() override {
    if (base_.empty()) return;
    EXPECT_EQ(Leftovers(), "");
    EXPECT_THAT(Text("/proc/self/mountinfo"), Not(HasSubstr(base_)));
    auto removed = RemoveTreeAt(AT_FDCWD, base_);
    if (!removed) removed = RemoveTreeAsRoot(facts_, base_);
    EXPECT_TRUE(removed);
  }

  void MakeRootfs() {
    rootfs_ = base_ + "/rootfs";
    for (const char* directory : {"", "/bin", "/etc", "/tmp", "/root", "/private"})
      ASSERT_EQ(mkdir((rootfs_ + directory).c_str(), 0755), 0);
    chmod((rootfs_ + "/tmp").c_str(), 01777);
    std::ifstream in(kBusybox, std::ios::binary);
    std::ofstream(rootfs_ + "/bin/busybox", std::ios::binary) << in.rdbuf();
    chmod((rootfs_ + "/bin/busybox").c_str(), 0755);
    for (const char* applet :
         {"sh", "true", "cat", "id", "echo", "sleep", "ls", "mount", "hostname", "stat", "touch"})
      ASSERT_EQ(symlink("busybox", (rootfs_ + "/bin/" + applet).c_str()), 0);
    std::ofstream(rootfs_ + "/etc/plain") << "no program\n";
    std::ofstream(rootfs_ + "/bin/orphan") << "#!/no/such/interpreter\n";
    std::ofstream(rootfs_ + "/bin/garbage") << "\x01garbage";
    for (const char* program : {"/bin/orphan", "/bin/garbage"}) chmod((rootfs_ + program).c_str(), 0755);
  }

  // What should not outlive a container.
  std::string Leftovers() {
    std::string found;
    std::vector<std::string> names = *ListDirectory(store_->root(), "tmp");
    for (const std::string& name : names) found += name + " ";
    return found;
  }

  RuntimeSpec Spec(std::vector<std::string> args) {
    RuntimeSpec spec;
    spec.hostname = "wolf";
    spec.root_path = rootfs_;
    spec.process.args = std::move(args);
    spec.process.env = {"PATH=/sbin:/bin", "HOME=/root"};
    MappedIds ids = *BuildIdMaps({}, facts_.subordinate, facts_.uid, facts_.gid);
    spec.uid_mappings = ids.maps.uids;
    spec.gid_mappings = ids.maps.gids;
    for (const char* type : {"user", "mount", "pid", "ipc", "uts", "network", "cgroup"})
      spec.namespaces.push_back({type, ""});
    spec.mounts = UsualMounts();
    for (const char* path :
         {"/proc/kcore", "/proc/keys", "/proc/acpi", "/proc/scsi", "/sys/firmware", "/proc/nothing"})
      spec.masked_paths.push_back(path);
    for (const char* path : {"/proc/sys", "/proc/bus", "/proc/sysrq-trigger"})
      spec.readonly_paths.push_back(path);
    std::vector<std::string> caps = {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL",
                                     "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP"};
    spec.process.capabilities = {caps, caps, {}, caps, {}};
    return spec;
  }

  struct Outcome {
    int code = -1;
    std::string out;
    std::optional<Error> error;
  };

  // Makes the root directory an image of one layer, and containers of specs without a root path run it.
  void MakeImage() {
    SpawnRequest tar{.program = "tar",
                     .argv = {"tar", "-C", rootfs_, "--owner=0", "--group=0", "--numeric-owner", "-cf",
                              base_ + "/layer.tar", "."}};
    ASSERT_EQ(RunForOutput(tar, "", 1 << 20)->status.ShellCode(), 0);
    Staging staging = *Staging::Begin(*store_);
    auto writer = *LayerWriter::Begin(*store_, staging, {});
    ASSERT_TRUE(writer->Write(*ReadFile(base_ + "/layer.tar", 64 << 20)));
    auto diff_id = writer->Commit({});
    ASSERT_TRUE(diff_id) << diff_id.error().what;
    diff_ids_ = {*diff_id};
    chain_ = *EnsureChainIndex(*store_, diff_ids_);
  }

  RuntimeSpec LayeredSpec(std::vector<std::string> args) {
    RuntimeSpec spec = Spec(std::move(args));
    spec.root_path.clear();
    return spec;
  }

  Result<NewContainer> Create(const RuntimeSpec& spec, bool auto_remove = true) {
    ContainerRecord record;
    record.chain = chain_;
    record.diff_ids = diff_ids_;
    record.auto_remove = auto_remove;
    record.upper = upper_;
    record.memory = memory_;
    record.rootfs = spec.root_path;
    record.command = spec.process.args;
    return ContainerStore(*store_).Create(record, spec);
  }

  // Starts the monitor's program with standard output (and error) in a pipe.
  struct Running {
    MonitorClient client;
    Started started;
    Fd output;
    std::string id;
  };
  Result<Running> Start(const RuntimeSpec& spec, bool auto_remove = true, const std::string& input = "") {
    NewContainer container = TRY(Create(spec, auto_remove));
    std::string id = container.id;
    Pipe out = TRY(MakePipe()), in = TRY(MakePipe());
    TRY(WriteFull(in.write.get(), input));
    in.write.Reset();
    MonitorStart start{.attach = {.streams = kStdout | kStderr, .lossless = true},
                       .fds = {out.write.get(), out.write.get()},
                       .keep_signals = true};
    if (!input.empty()) {
      start.attach.streams |= kStdin;
      start.fds.insert(start.fds.begin(), in.read.get());
    }
    auto client = TRY(MonitorClient::Start(context_, *store_, std::move(container), start));
    out.write.Reset();
    Started started = TRY(client.AwaitStarted());
    return Running{std::move(client), started, std::move(out.read), id};
  }

  Outcome Run(const RuntimeSpec& spec, const std::string& input = "") {
    auto running = Start(spec, true, input);
    Outcome outcome;
    if (!running) {
      outcome.error = running.error();
      return outcome;
    }
    outcome.out = *ReadFd(running->output.get(), 1 << 20, "output");
    auto exited = running->client.AwaitExit();
    if (exited) outcome.code = exited->exit_code;
    if (!exited) outcome.error = exited.error();
    return outcome;
  }

  Outcome Shell(const std::string& script) { return Run(Spec({"sh", "-c", script})); }

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

  Context context_;
  HostFacts facts_;
  std::string base_, rootfs_;
  std::optional<Store> store_;
  std::string upper_ = "kernel";  // of the containers that are made
  bool memory_ = false;
  Digest chain_;
  std::vector<Digest> diff_ids_;
};

TEST_F(RuntimeRun, ExitCodes) {
  EXPECT_EQ(Run(Spec({"true"})).code, 0);
  EXPECT_EQ(Shell("exit 1").code, 1);
  EXPECT_EQ(Shell("exit 125").code, 125);
  EXPECT_EQ(Run(Spec({"sh", "-c", "sh -c 'kill -9 $$'; exit $?"})).code, 137);
  struct Case {
    const char* program;
    Code code;
    const char* words;
  };
  for (const Case& c : {Case{"nothing", Code::kNoCommand, "executable file `nothing` not found in $PATH"},
                        Case{"/bin/nothing", Code::kNoCommand, "execute /bin/nothing: No such file"},
                        Case{"/bin/orphan", Code::kNoCommand, "the interpreter or dynamic loader"},
                        Case{"/etc/plain", Code::kNotExecutable, "execute /etc/plain: Permission denied"},
                        Case{"/etc", Code::kNotExecutable, "execute /etc: Permission denied"},
                        Case{"/bin/garbage", Code::kNotExecutable, "not a program of this architecture"}}) {
    Outcome outcome = Run(Spec({c.program}));
    ASSERT_TRUE(outcome.error) << c.program;
    EXPECT_EQ(outcome.error->code, c.code) << c.program;
    EXPECT_THAT(outcome.error->what, HasSubstr(c.words));
  }
}

TEST_F(RuntimeRun, WhatTheProcessSees) {
  Outcome outcome = Shell(
      "echo pid $$; hostname; id; cat /proc/self/status | grep -E "
      "'^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Umask|Groups)'; "
      "ls -l /proc/self/fd | grep -c -- '->'; cat /sys/class/net/lo/flags; ls /dev; echo session $(cat "
      "/proc/1/stat | "
      "cut -d' ' -f6)");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const char* words :
       {"pid 1\n", "wolf\n", "uid=0", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000",
        "CapEff:\t00000000000001eb", "CapBnd:\t00000000000001eb", "Umask:\t0022", "NoNewPrivs:\t0",
        "Groups:\t \n", "0x9\n", "null\n", "ptmx\n", "pts\n", "shm\n", "urandom\n", "session 1\n"})
    EXPECT_THAT(outcome.out, HasSubstr(words));
  EXPECT_THAT(outcome.out, HasSubstr("\n3\n")) << "0, 1 and 2";
}

TEST_F(RuntimeRun, HiddenPathsAndMounts) {
  Outcome outcome = Shell(
      "cat /proc/mounts; echo masked $(cat /proc/kcore | head -c 4) $(ls /sys/firmware /proc/scsi /proc/acpi "
      "2>/dev/null "
      "| grep -v :); echo 1 > /proc/sys/vm/swappiness || echo refused; touch /sys/x || echo refused; ls -la "
      "/dev/fd "
      "/dev/core; echo x > /dev/null; cat /dev/tty 2>&1");
  EXPECT_THAT(outcome.out, HasSubstr("proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"));
  EXPECT_THAT(outcome.out, HasSubstr("proc /proc/sys proc ro"));
  EXPECT_THAT(outcome.out, HasSubstr("tmpfs /sys/firmware tmpfs ro"));
  EXPECT_THAT(outcome.out, HasSubstr("devpts /dev/pts devpts rw"));
  EXPECT_THAT(outcome.out, HasSubstr("masked\n"));
  EXPECT_THAT(outcome.out, HasSubstr("refused"));
  EXPECT_THAT(outcome.out, HasSubstr("/dev/fd -> /proc/self/fd"));
  EXPECT_THAT(outcome.out, Not(HasSubstr(base_ + "/data"))) << "the host's tree is gone";
}

TEST_F(RuntimeRun, StandardStreams) {
  EXPECT_EQ(Run(Spec({"cat"}), "").out, "");
  RuntimeSpec spec = Spec({"sh", "-c", "read line; echo got $line; echo err >&2"});
  Outcome outcome = Run(spec, "hello\n");
  EXPECT_THAT(outcome.out, HasSubstr("got hello\nerr\n"));
}

TEST_F(RuntimeRun, UsersCapabilitiesAndDirectories) {
  RuntimeSpec spec = Spec(
      {"sh", "-c", "id; pwd; umask; cat /proc/self/status | grep -E 'CapEff|CapBnd|NoNew'; touch /tmp/x"});
  spec.process.user = {1000, 1001, 0077, {1002, 1003}};
  spec.process.capabilities.effective.clear();
  spec.process.capabilities.permitted.clear();
  spec.process.no_new_privileges = true;
  spec.process.cwd = "/new/directory";
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const char* words : {"uid=1000 gid=1001 groups=1002,1003", "/new/directory\n", "0077\n",
                            "CapEff:\t0000000000000000", "CapBnd:\t00000000000001eb", "NoNewPrivs:\t1"})
    EXPECT_THAT(outcome.out, HasSubstr(words));
  struct stat st;
  ASSERT_EQ(stat((rootfs_ + "/tmp/x").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, facts_.subordinate.uids.at(0).first + 999);
  spec.process.capabilities.ambient = spec.process.capabilities.inheritable =
      spec.process.capabilities.permitted = {"CAP_CHOWN"};
  EXPECT_THAT(Run(spec).out, HasSubstr("CapEff:\t0000000000000001"));
}

TEST_F(RuntimeRun, SingleId) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "id; cat /proc/self/setgroups; ls -ld /dev/pts/ptmx; touch /root/mine; echo ok"});
  spec.uid_mappings = {{0, static_cast<uint32_t>(facts_.uid), 1}};
  spec.gid_mappings = {{0, static_cast<uint32_t>(facts_.gid), 1}};
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("uid=0"));
  EXPECT_THAT(outcome.out, HasSubstr("deny\n"));
  EXPECT_THAT(outcome.out, HasSubstr("ok\n"));
  spec.uid_mappings[0].container_id = spec.process.user.uid = 1000;
  spec.gid_mappings[0].container_id = spec.process.user.gid = 1000;
  outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("uid=1000"));
}

TEST_F(RuntimeRun, KeepId) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "id; touch /new; stat -c %u /new /private; touch /bind/seen; ls -n /bind"});
  MappedIds ids = *BuildIdMaps({.mode = "keep-id"}, facts_.subordinate, facts_.uid, facts_.gid);
  spec.uid_mappings = ids.maps.uids;
  spec.gid_mappings = ids.maps.gids;
  spec.process.user = {ids.keep_uid, ids.keep_gid};
  spec.process.capabilities.effective = spec.process.capabilities.permitted = {};
  ASSERT_EQ(mkdir((base_ + "/bound").c_str(), 0700), 0);
  spec.mounts.push_back({"/bind", "bind", base_ + "/bound", {"rbind"}});
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_TRUE(ExistsAt(AT_FDCWD, base_ + "/bound/seen"));
}

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

// A hostile image tries to send mounts elsewhere by symbolic links.
TEST_F(RuntimeRun, HostileRoots) {
  std::string outside = base_ + "/outside";
  ASSERT_EQ(mkdir(outside.c_str(), 0755), 0);
  ASSERT_EQ(mkdir((base_ + "/bound").c_str(), 0755), 0);
  std::ofstream(base_ + "/bound/file") << "bound\n";
  RuntimeSpec bind = Spec({"cat", "/link/to/there/file"});
  bind.mounts.push_back({"/link/to/there", "bind", base_ + "/bound", {"rbind", "ro"}});
  ASSERT_EQ(symlink((outside + "/../../../../" + outside).c_str(), (rootfs_ + "/link").c_str()), 0);
  EXPECT_EQ(Run(bind).out, "bound\n");
  EXPECT_TRUE(ListDirectory(AT_FDCWD, outside)->empty()) << "nothing was made outside the root";
  EXPECT_TRUE(ExistsAt(AT_FDCWD, rootfs_ + outside + "/to/there"));

  RuntimeSpec dangling = Spec({"cat", "/etc/resolv.conf"});
  std::ofstream(base_ + "/resolv") << "nameserver\n";
  ASSERT_EQ(symlink("../run/systemd/resolv.conf", (rootfs_ + "/etc/resolv.conf").c_str()), 0);
  dangling.mounts.push_back({"/etc/resolv.conf", "bind", base_ + "/resolv", {"bind", "ro"}});
  EXPECT_EQ(Run(dangling).out, "nameserver\n");

  RuntimeSpec on_proc = Spec({"true"});
  on_proc.mounts.push_back({"/proc/sys/kernel", "bind", base_ + "/bound", {"rbind"}});
  EXPECT_THAT(Run(on_proc).error->what, HasSubstr("mounts inside /proc are refused"));
  ASSERT_EQ(symlink("/proc/self/attr", (rootfs_ + "/innocent").c_str()), 0);
  on_proc.mounts.back().destination = "/innocent";
  EXPECT_TRUE(Run(on_proc).error);

  RuntimeSpec leak = Spec({"true"});
  leak.process.cwd = "/proc/self/fd/3/../../../../../../..";
  Outcome outcome = Run(leak);
  EXPECT_TRUE(outcome.error || outcome.code == 0);
  leak.process.cwd = "/proc/self/fd/3";
  EXPECT_TRUE(Run(leak).error) << "CVE-2024-21626";

  ASSERT_EQ(rmdir((rootfs_ + "/proc").c_str()), 0);
  ASSERT_EQ(symlink("/tmp", (rootfs_ + "/proc").c_str()), 0);
  EXPECT_THAT(Run(Spec({"true"})).error->what, HasSubstr("it must be an ordinary directory"));
}

TEST_F(RuntimeRun, ReadOnlyRootAndBinds) {
  ASSERT_EQ(mkdir((base_ + "/bound").c_str(), 0755), 0);
  RuntimeSpec spec = Spec({"sh", "-c",
                           "touch /x || echo root; touch /bind/x || echo bind; touch /tmp/x && echo tmp; "
                           "cat /proc/sys/net/ipv4/ip_forward"});
  spec.root_readonly = true;
  spec.sysctl["net.ipv4.ip_forward"] = "1";
  spec.mounts.push_back({"/bind", "bind", base_ + "/bound", {"rbind", "ro", "nosuid"}});
  spec.mounts.push_back({"/tmp", "tmpfs", "tmpfs", {"mode=1777", "size=1m"}});
  spec.process.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
  spec.process.oom_score_adj = 500;
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0);
  for (const char* words : {"root\n", "bind\n", "tmp\n", "1\n"}) EXPECT_THAT(outcome.out, HasSubstr(words));
}

TEST_F(RuntimeRun, Layers) {
  chmod(rootfs_.c_str(), 0751);
  MakeImage();
  std::string script =
      "cat /proc/mounts | grep overlay; stat -c '%a %u' / /tmp /etc; cat /etc/plain; echo more >> "
      "/etc/plain; cat "
      "/etc/plain; "
      "rm /bin/garbage; ls /bin | grep garbage; mkdir /tmp/d && chown 1000:1000 /tmp/d && echo x > /tmp/d/f "
      "&& chown "
      "1000:1000 /tmp/d/f && chmod 700 /tmp/d && echo done";
  Outcome outcome = Run(LayeredSpec({"sh", "-c", script}));
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("overlay / overlay rw"));
  EXPECT_THAT(outcome.out, HasSubstr("751 0\n1777 0\n755 0\nno program\nno program\nmore\ndone\n"));
  EXPECT_TRUE(ListDirectory(store_->root(), "containers")->empty()) << "removed, files of other ids included";

  // The same kept: removed by whoever calls, in a namespace of its own.
  auto running = Start(LayeredSpec({"sh", "-c", script}), false);
  ASSERT_TRUE(running) << running.error().what;
  EXPECT_EQ(running->client.AwaitExit()->exit_code, 0);
  std::string left_over;
  auto removed = ContainerStore(*store_).Remove(running->id, &left_over);
  ASSERT_FALSE(removed);
  ASSERT_NE(left_over, "");
  EXPECT_TRUE(RemoveTreeAsRoot(facts_, store_->root_path() + "/" + left_over));
  (void)ContainerStore(*store_).Remove(running->id);
}

TEST_F(RuntimeRun, OtherUppers) {
  chmod(rootfs_.c_str(), 0751);
  MakeImage();
  const std::string script =
      "stat -c '%a %u' / /tmp /etc; echo more >> /etc/plain; cat /etc/plain; rm /bin/garbage; "
      "ls /bin | grep garbage; mkdir /tmp/d && echo x > /tmp/d/f && chown 1000:1000 /tmp/d/f /tmp/d && "
      "chmod 700 /tmp/d && echo done";
  for (auto [upper, memory] : {std::pair{"fuse", false}, {"kernel", true}, {"fuse", true}}) {
    upper_ = upper;
    memory_ = memory;
    SCOPED_TRACE(upper_ + (memory ? " in memory" : ""));
    auto running = Start(LayeredSpec({"sh", "-c", script}), false);
    ASSERT_TRUE(running) << running.error().what;
    EXPECT_EQ(*ReadFd(running->output.get(), 1 << 20, "output"),
              "751 0\n1777 0\n755 0\nno program\nmore\ndone\n");
    EXPECT_EQ(running->client.AwaitExit()->exit_code, 0);
    std::string directory = ContainerStore(*store_).DirectoryOf(running->id);
    EXPECT_EQ(ListDirectory(AT_FDCWD, directory + "/upper")->empty(), memory);
    std::vector<std::string> work = *ListDirectory(AT_FDCWD, directory + "/work");
    EXPECT_TRUE(std::ranges::none_of(work, [](const std::string& name) {
      return name.starts_with("s.") || name.starts_with("o.");
    })) << "nothing unfinished";
    EXPECT_TRUE(ContainerStore(*store_).Remove(running->id)) << "all is the user's own";
  }
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

TEST_F(RuntimeRun, LayersInOtherMaps) {
  MakeImage();
  RuntimeSpec spec = LayeredSpec({"sh", "-c", "id; touch /tmp/mine; stat -c '%u' / /tmp/mine /etc/plain"});
  MappedIds ids = *BuildIdMaps({.mode = "keep-id"}, facts_.subordinate, facts_.uid, facts_.gid);
  spec.uid_mappings = ids.maps.uids;
  spec.gid_mappings = ids.maps.gids;
  spec.process.user = {ids.keep_uid, ids.keep_gid};
  Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  EXPECT_THAT(outcome.out, HasSubstr("\n0\n" + std::to_string(ids.keep_uid) + "\n0\n"));
  for (uint32_t inside : {0u, 1000u}) {
    spec.uid_mappings = {{inside, static_cast<uint32_t>(facts_.uid), 1}};
    spec.gid_mappings = {{inside, static_cast<uint32_t>(facts_.gid), 1}};
    spec.process.user = {inside, inside};
    outcome = Run(spec);
    EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
  }
}

TEST_F(RuntimeRun, Seccomp) {
  RuntimeSpec spec =
      Spec({"sh", "-c", "cat /proc/self/status | grep Seccomp; mount -t tmpfs none /tmp || echo refused"});
  spec.seccomp = DefaultSeccomp(spec.process.capabilities.bounding);
  for (bool no_new_privileges : {false, true}) {
    spec.process.no_new_privileges = no_new_privileges;
    Outcome outcome = Run(spec);
    EXPECT_EQ(outcome.code, 0) << outcome.out << (outcome.error ? outcome.error->what : "");
    EXPECT_THAT(outcome.out, HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(outcome.out, HasSubstr("refused"));
  }
}

// Every step of a start fails once: a sentence that names the step, and nothing left.
TEST_F(RuntimeRun, EveryStepMayFail) {
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
