#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/run_flags.h"

namespace wolffia {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<RunRequest> Read(std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  CommandLine line = TRY(ParseCommandLine(words));
  Settings settings;
  settings.network = "host";
  return ReadRunFlags(line.options, settings, {line.arguments.begin() + 1, line.arguments.end()}, "/here");
}

TEST(RunFlags, Everything) {
  auto request = Read({"-i",
                       "--rm",
                       "--init",
                       "--read-only",
                       "--name=n",
                       "-h",
                       "host",
                       "-w",
                       "/w",
                       "-u",
                       "me:us",
                       "-eA=1",
                       "--env-file=f",
                       "-v",
                       "./x:/y:ro",
                       "--mount",
                       "type=tmpfs,target=/t",
                       "--tmpfs",
                       "/u:size=1m",
                       "--network=none",
                       "--userns",
                       "keep-id",
                       "--uidmap",
                       "0:0:1,1:1:9",
                       "--gidmap=0:0:1",
                       "--cap-add=A,B",
                       "--cap-drop",
                       "ALL",
                       "--security-opt",
                       "seccomp=unconfined",
                       "--security-opt=no-new-privileges",
                       "--ulimit",
                       "nofile=1:2",
                       "--shm-size=1m",
                       "-l",
                       "k=v",
                       "--label=only",
                       "--annotation=a=b=c",
                       "img",
                       "cmd",
                       "-x"});
  ASSERT_TRUE(request) << request.error().what;
  EXPECT_TRUE(request->interactive && request->auto_remove && request->init && request->read_only &&
              request->no_new_privileges);
  EXPECT_EQ(request->name, "n");
  EXPECT_EQ(request->hostname, "host");
  EXPECT_EQ(request->working_dir, "/w");
  EXPECT_EQ(request->user, "me:us");
  EXPECT_THAT(request->env, ElementsAre("A=1"));
  EXPECT_THAT(request->env_files, ElementsAre("f"));
  ASSERT_EQ(request->mounts.size(), 3u);
  EXPECT_EQ(request->mounts[0].source, "/here/x");
  EXPECT_TRUE(request->mounts[0].read_only);
  EXPECT_EQ(request->mounts[1].destination, "/t");
  EXPECT_EQ(request->mounts[2].type, "tmpfs");
  EXPECT_EQ(request->network.mode, "none");
  EXPECT_EQ(request->userns.mode, "keep-id");
  EXPECT_THAT(request->userns.uid_maps, ElementsAre("0:0:1", "1:1:9"));
  EXPECT_THAT(request->cap_add, ElementsAre("A", "B"));
  EXPECT_THAT(request->cap_drop, ElementsAre("ALL"));
  EXPECT_EQ(request->seccomp, "unconfined");
  EXPECT_THAT(request->ulimits, ElementsAre("nofile=1:2"));
  EXPECT_EQ(request->shm_size, 1u << 20);
  EXPECT_EQ(request->labels.at("k"), "v");
  EXPECT_EQ(request->labels.at("only"), "");
  EXPECT_EQ(request->annotations.at("a"), "b=c");
  EXPECT_THAT(request->command, ElementsAre("cmd", "-x"));
}

TEST(RunFlags, Defaults) {
  auto request = Read({"img"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->network.mode, "host");
  EXPECT_FALSE(request->entrypoint);
  EXPECT_FALSE(request->seccomp);
  EXPECT_FALSE(request->shm_size);
  EXPECT_TRUE(request->command.empty());
}

TEST(RunFlags, Entrypoint) {
  EXPECT_THAT(*Read({"--entrypoint", "/bin/sh -c", "img"})->entrypoint, ElementsAre("/bin/sh -c"));
  EXPECT_THAT(*Read({"--entrypoint", R"(["a","b c"])", "img"})->entrypoint, ElementsAre("a", "b c"));
  EXPECT_THAT(*Read({"--entrypoint=", "img"})->entrypoint, ElementsAre());
}

TEST(RunFlags, Errors) {
  struct Case {
    std::vector<std::string> words;
    const char* contains;
  };
  const Case cases[] = {
      {{"--entrypoint", "[1]", "img"}, "--entrypoint [1]: not an array of strings"},
      {{"--entrypoint", "[\"a\"", "img"}, "--entrypoint"},
      {{"--network=slirp4netns:mtu=1", "img"}, "mtu"},
      {{"--network=none", "--network-rate=ingress=1mbit", "img"}, "--network none"},
      {{"--network=slirp4netns:bypass=on", "--network-rate=ingress=1mbit", "img"}, "bypass=on"},
      {{"--network=slirp4netns:bypass=on,outbound_addr=192.0.2.1", "img"}, "outbound_addr"},
      {{"--network=slirp4netns", "--network-rate=ingress=1", "img"}, "8kbit"},
      {{"--security-opt=label=disable", "img"}, "--security-opt label=disable"},
      {{"--security-opt=seccomp=", "img"}, "--security-opt seccomp="},
      {{"--security-opt=no-new-privileges=maybe", "img"}, "--security-opt"},
      {{"--shm-size=big", "img"}, "--shm-size"},
      {{"-l", "=v", "img"}, "--label =v: the key is empty"},
      {{"-v", "nocolon", "img"}, "nocolon"},
      {{"--mount", "type=devpts,target=/x", "img"}, "--mount"},
      {{"--tmpfs", "relative", "img"}, "--tmpfs"},
  };
  for (const Case& c : cases) {
    auto request = Read(c.words);
    ASSERT_FALSE(request) << testing::PrintToString(c.words);
    EXPECT_THAT(request.error().what, HasSubstr(c.contains));
  }
}

TEST(RunFlags, VolumesAndSecrets) {
  auto request = Read({"--secret=s", "--secret", "source=t,type=env,target=TOP",
                       "--secret=u,target=/etc/k,uid=1,gid=2,mode=0400", "--volumes-from=a:ro,z",
                       "--volumes-from", "b", "--image-volume=bind", "img"});
  ASSERT_TRUE(request) << request.error().what;
  const VolumeFlags& flags = request->volumes;
  ASSERT_EQ(flags.secrets.size(), 3U);
  EXPECT_EQ(flags.secrets[0], (SecretUse{.name = "s", .id = "", .target = "s"}));
  EXPECT_EQ(flags.secrets[1], (SecretUse{.name = "t", .id = "", .as_env = true, .target = "TOP"}));
  EXPECT_EQ(flags.secrets[2],
            (SecretUse{.name = "u", .id = "", .target = "/etc/k", .uid = 1, .gid = 2, .mode = 0400}));
  EXPECT_EQ(flags.from, (std::vector<std::string>{"a:ro,z", "b"}));
  EXPECT_EQ(flags.image_volumes, "anonymous");
}

TEST(RunFlags, StorageOptions) {
  auto request = Read({"--storage-opt", "size=10m", "--storage-opt=inodes=100", "--storage-opt=upper=fuse",
                       "--storage-opt=upper=memory", "img"});
  ASSERT_TRUE(request) << request.error().what;
  EXPECT_EQ(request->storage.size, 10u << 20);
  EXPECT_EQ(request->storage.inodes, 100u);
  EXPECT_EQ(request->storage.upper, "fuse");
  EXPECT_TRUE(request->storage.memory);
  EXPECT_EQ(Read({"img"})->storage.upper, "") << "as the settings say";
  for (const char* bad : {"size", "size=", "size=x", "size=0", "inodes=-1", "inodes=1k", "inodes=0",
                          "upper=zfs", "quota=1", ""})
    EXPECT_FALSE(Read({"--storage-opt", bad, "img"})) << bad;
  EXPECT_THAT(Read({"--rootfs", "--storage-opt=size=1m", "/"}).error().what, HasSubstr("--rootfs"));
}

TEST(RunFlags, Limits) {
  auto request = Read({"-m", "64m", "--memory-swap=-1", "--memory-reservation", "32m", "--cpus", "1.5", "-c", "512",
                       "--cpuset-cpus=0-1", "--blkio-weight", "100", "--cgroup-conf", "memory.oom.group=1",
                       "--cgroup-parent", "work.slice", "--cgroupns=host", "img"});
  ASSERT_TRUE(request) << request.error().what;
  const CgroupConfig& cgroup = request->cgroup;
  EXPECT_EQ(cgroup.limits,
            (ResourceLimits{.memory = 64 << 20,
                            .memory_swap = -1,
                            .memory_reservation = 32 << 20,
                            .cpu_shares = 512,
                            .cpu_period = 100000,
                            .cpu_quota = 150000,
                            .cpuset_cpus = "0-1",
                            .pids = 2048,
                            .pids_by_default = true,
                            .blkio_weight = 100,
                            .conf = {{"memory.oom.group", "1"}}}));
  EXPECT_EQ(cgroup.parent, "work.slice");
  EXPECT_TRUE(cgroup.host_namespace);
  EXPECT_EQ(Read({"--pids-limit", "0", "img"})->cgroup.limits.pids, -1);
  EXPECT_EQ(Read({"--cgroups=disabled", "img"})->cgroup.limits, ResourceLimits());
  for (const char* flag : {"--cpus=x", "--cpus=-1", "--memory=x", "--cgroup-conf=x", "--device-read-bps=/dev/null:1",
                           "--device-read-iops=x", "--oom-kill-disable", "--memory-swappiness=5", "--cgroups=no-conmon",
                           "--cgroupns=container:x", "--cgroup-parent=a/b.slice"}) {
    auto refused = Read({flag, "img"});
    ASSERT_FALSE(refused) << flag;
    EXPECT_THAT(refused.error().what, HasSubstr(std::string(flag).substr(0, std::string(flag).find('=')))) << flag;
  }
}

}  // namespace
}  // namespace wolffia
