// The root file system: mounts, layers and uppers, and images that mean ill.
#include "tests/integration/runtime_run.h"

namespace wolffia {
namespace {

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

}  // namespace
}  // namespace wolffia
