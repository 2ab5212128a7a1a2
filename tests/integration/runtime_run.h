// RuntimeRun: real starts, as the user who runs the tests: a root directory with busybox in it, the store in
// a temporary directory, the monitor's program. Every test checks at its end that no process, mount or tmp
// entry is left.
#pragma once

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

using testing::HasSubstr;
using testing::Not;

inline constexpr const char* kBusybox = "/bin/busybox";

inline std::string Text(const std::string& path) {
  return ReadFile(path, 1 << 20).value_or("");
}

inline bool Gone(int pid) {
  return kill(pid, 0) < 0 && errno == ESRCH;
}

// The names of a process's children.
inline std::set<std::string> ChildrenOf(int pid) {
  std::string proc = "/proc/" + std::to_string(pid);
  std::istringstream children(Text(proc + "/task/" + std::to_string(pid) + "/children"));
  std::set<std::string> names;
  for (std::string child; children >> child;) {
    std::string name = Text("/proc/" + child + "/comm");
    names.insert(name.substr(0, name.find('\n')));
  }
  return names;
}

inline bool Eventually(const std::function<bool()>& condition) {
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

  Context context_;
  HostFacts facts_;
  std::string base_, rootfs_;
  std::optional<Store> store_;
  std::string upper_ = "kernel";  // of the containers that are made
  bool memory_ = false;
  Digest chain_;
  std::vector<Digest> diff_ids_;
};

}  // namespace wolffia
