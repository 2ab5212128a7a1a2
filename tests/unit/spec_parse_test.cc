// The small languages of flags and files: mounts, users, environment, capabilities, limits, host files.
#include <gtest/gtest.h>

#include "engine/runtime/capability.h"
#include "engine/runtime/environment.h"
#include "engine/runtime/passwd.h"
#include "engine/runtime/run_request.h"
#include "engine/runtime/ulimit.h"
#include "network/host_files.h"
#include "tests/unit/temp_dir.h"

namespace wolffia {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// "bind /a /b ro rslave norec nodev" or "! words of the error".
std::string Text(const Result<MountRequest>& mount) {
  if (!mount) return "! " + mount.error().what;
  const std::string& from = mount->name.empty() ? mount->source : mount->name;
  std::string text = mount->type + " " + (from.empty() ? "-" : from) + " " + mount->destination;
  if (mount->read_only) text += " ro";
  if (mount->chown) text += " U";
  if (mount->overlay) text += " O";
  if (mount->no_copy) text += " nocopy";
  if (!mount->recursive) text += " norec";
  if (!mount->propagation.empty()) text += " " + mount->propagation;
  return mount->options.empty() ? text : text + " " + Join(mount->options);
}

void Expect(const std::string& actual, const std::string& expected, const char* flag) {
  if (expected.starts_with("!"))
    EXPECT_TRUE(actual.starts_with("!") && actual.find(expected.substr(2)) != std::string::npos)
        << flag << ": " << actual;
  else
    EXPECT_EQ(actual, expected) << flag;
}

TEST(MountFlags, Volume) {
  const char* cases[][2] = {
      {"/a:/b", "bind /a /b"},
      {"/a:/b:ro", "bind /a /b ro"},
      {"/a//x/../y/:/b/./c/:ro,z,rslave,noexec", "bind /a/y /b/c ro rslave noexec"},
      {"./rel:/b:bind", "bind /home/u/rel /b norec"},
      {".:/b:rw", "bind /home/u /b"},
      {"..:/b", "bind /home /b"},
      {".hidden:/b", "bind /home/u/.hidden /b"},
      {"data:/b", "volume data /b"},
      {"data:/b:ro,nocopy,U", "volume data /b ro U nocopy"},
      {"data:/b:O", "volume data /b O"},
      {"/b", "volume - /b"},
      {"/b/../c/", "volume - /c"},
      {"b", "! must be an absolute path"},
      {"da/ta:/b", "! names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*"},
      {"~/x:/b", "! names must match"},
      {"/a:b", "! must be an absolute path"},
      {"/a:/", "! root cannot be mounted over"},
      {"/a:/..", "! root cannot be mounted over"},
      {":/b", "! host directory cannot be empty"},
      {"", "! incorrect volume format"},
      {"/a:/b:ro:x", "! incorrect volume format"},
      {"/a:/b:U,O", "bind /a /b U O"},
      {"/a:/b:O,upperdir=/x", "! is not supported"},
      {"/a:/b:frob", "! unknown mount option \"frob\""},
      {"/a:/b:size=5", "! unknown mount option"},
  };
  for (auto& [flag, expected] : cases) Expect(Text(ParseVolumeFlag(flag, "/home/u")), expected, flag);
}

TEST(MountFlags, Mount) {
  const char* cases[][2] = {
      {"type=bind,source=/a,target=/b", "bind /a /b"},
      {"type=bind,src=/a,dst=/b,readonly", "bind /a /b ro"},
      {"type=bind,src=/a,destination=/b,ro=false,bind-propagation=rshared", "bind /a /b rshared"},
      {"destination=/b,source=/a,type=bind,bind-nonrecursive=true", "bind /a /b norec"},
      {"type=bind,\"src=/a,b\",dst=/b", "bind /a,b /b"},
      {"type=bind,\"src=/a\"\"b\",dst=/b", "bind /a\"b /b"},
      {"type=bind,src=rel,dst=/b", "bind /home/u/rel /b"},
      {"type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=1777", "tmpfs - /b size=1048576 mode=1777"},
      {"type=tmpfs,dst=/b,noexec,ro=true", "tmpfs - /b ro noexec"},
      {"type=tmpfs,dst=/b,tmpfs-mode=9", "! octal"},
      {"type=bind,src=/a", "! must set volume destination"},
      {"src=/a,dst=/b", "! names must match"},
      {"src=data,dst=/b,readonly,U=true", "volume data /b ro U"},
      {"type=volume,dst=/b,volume-nocopy", "volume - /b nocopy"},
      {"type=volume,source=data,destination=/b,chown=false", "volume data /b"},
      {"type=image,source=x,dst=/b", "image x /b ro"},
      {"type=image,src=x:1,target=/b,rw=true", "image x:1 /b O"},
      {"type=image,source=x,dst=/b,readwrite=false", "image x /b ro"},
      {"type=image,source=x,dst=/b,ro=false", "image x /b O"},
      {"type=image,dst=/b", "! must set source and destination for image volume"},
      {"type=image,source=x", "! must set source and destination for image volume"},
      {"type=image,source=x,dst=/b,subpath=/etc", "! leave subpath out"},
      {"type=image,source=x,dst=/b,U", "! unknown mount option"},
      {"type=image,source=x,dst=/b,exec", "! unknown mount option"},
      {"type=bind,src=/a,dst=/b,chown", "bind /a /b U"},
      {"type=tmpfs,dst=/b,U", "! unknown mount option"},
      {"type=nfs,dst=/b", "! invalid filesystem type"},
      {"type=bind,src=/a,dst=/b,frob=1", "! unknown mount option"},
      {"type=bind,src=/a,dst=/b,ro=perhaps", "! neither true nor false"},
      {"type=bind,\"src=/a,dst=/b", "! quote"},
      {"type=tmpfs,dst=/b,src=/a", "! unknown mount option"},
  };
  for (auto& [flag, expected] : cases) Expect(Text(ParseMountFlag(flag, "/home/u")), expected, flag);
}

TEST(MountFlags, Tmpfs) {
  const char* cases[][2] = {
      {"/t", "tmpfs - /t"},
      {"/t:rw,size=64m,mode=1777,noexec", "tmpfs - /t size=64m mode=1777 noexec"},
      {"/t:ro,size=50%", "tmpfs - /t ro size=50%"},
      {"/t:size=big", "! malformed option"},
      {"/t:size=1,lowerdir=/", "! unknown mount option"},
      {"t", "! must be an absolute path"},
      {"/t:tmpcopyup", "! is not supported"},
  };
  for (auto& [flag, expected] : cases) Expect(Text(ParseTmpfsFlag(flag)), expected, flag);
}

TEST(Users, LookedUpInTheImage) {
  constexpr std::string_view kPasswd =
      "root:x:0:0:root:/root:/bin/bash\nbroken line\nweb:x:33:33:www:/var/www:/bin/sh\n:x:7:7::/:\n"
      "1234:x:77:78::/numeric:/bin/sh\nnohome:x:50:51:::\nhuge:x:4294967295:0::/:\nbig:x:3000000000:0::/"
      ":\nshort:x:60:61";
  constexpr std::string_view kGroup =
      "root:x:0:root\nwww:x:33:\nstaff:x:50:web,other\nvideo:x:44:other,web,\nbad:x:y:web\n";
  struct Case {
    const char* wanted;
    ContainerUser user;
    const char* error = nullptr;
  } cases[] = {
      {"", {.home = "/root", .in_passwd = true, .gid_in_group = true}},
      {"web", {33, 33, {44, 50}, "/var/www", true, true}},
      {"33", {33, 33, {44, 50}, "/var/www", true, true}},
      {"web:staff", {33, 50, {}, "/var/www", true, true}},
      {"web:999", {33, 999, {}, "/var/www", true, false}},
      {":staff", {0, 50, {}, "/root", true, true}},
      {"web:", {33, 33, {44, 50}, "/var/www", true, true}},
      {"1234", {77, 78, {}, "/numeric", true, false}},
      {"5000", {5000, 0, {}, "/", false, true}},
      {"5000:6000", {5000, 6000, {}, "/", false, false}},
      {"nohome", {50, 51, {}, "/", true, false}},
      {"short", {60, 61, {}, "/", true, false}},
      {"nobody", {}, "unable to find user nobody: no matching entries in passwd file"},
      {"web:nobody", {}, "unable to find group nobody: no matching entries in group file"},
      {"-1", {}, "unable to find user -1"},
      {"3000000000", {}, "must be in range"},
      {"99999999999999999999", {}, "must be in range"},
      {"big", {}, "must be in range"},
      {"a:b:c", {}, "unable to find user a"},
  };
  for (const Case& c : cases) {
    Result<ContainerUser> user = LookupUser(c.wanted, kPasswd, kGroup);
    ASSERT_EQ(user.has_value(), c.error == nullptr) << c.wanted;
    if (user)
      EXPECT_EQ(*user, c.user) << c.wanted;
    else
      EXPECT_NE(user.error().what.find(c.error), std::string::npos) << user.error().what;
  }
  EXPECT_EQ(*LookupUser("", "", ""), ContainerUser{});
}

TEST(Environment, OrderAndFiles) {
  Context context;
  context.env = {{"MINE", "1"}, {"LC_A", "a"}, {"LC_B", ""}, {"LD", "x"}};
  Environment env;
  env.Set("PATH", "/bin");
  for (const char* entry : {"A=1", "PATH=/sbin", "MINE", "ABSENT", "LC_*", "A=2=3", "EMPTY="})
    EXPECT_TRUE(env.Apply(entry, context)) << entry;
  env.SetDefault("A", "no");
  env.SetDefault("HOME", "/root");
  EXPECT_EQ(Join(env.entries()), "PATH=/sbin A=2=3 MINE=1 LC_A=a LC_B= EMPTY= HOME=/root");
  EXPECT_FALSE(env.Apply("=x", context));
  EXPECT_FALSE(env.Apply("", context));
  EXPECT_FALSE(env.Apply(std::string_view("A=\0b", 4), context));

  Environment file;
  EXPECT_TRUE(
      file.ApplyFile("\xef\xbb\xbf# comment\n\n  A=b c \"d\" #e\r\nMINE\nABSENT\n\tB=", "f", context));
  EXPECT_EQ(file.entries(), (std::vector<std::string>{"A=b c \"d\" #e", "MINE=1", "B="}));
  Result<> bad = file.ApplyFile("A=1\nB C=2\n", "f", context);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().what.find("f:2: variable \"B C\" contains whitespace"), std::string::npos)
      << bad.error().what;
  EXPECT_FALSE(file.ApplyFile("=2\n", "f", context));
}

TEST(Capabilities, AddAndDrop) {
  struct Case {
    std::vector<std::string> add, drop;
    const char* expected;
  } cases[] = {
      {{},
       {},
       "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP "
       "CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_SETFCAP"},
      {{"net_admin", "CAP_SYS_PTRACE"}, {"all"}, "CAP_NET_ADMIN CAP_SYS_PTRACE"},
      {{}, {"ALL"}, ""},
      {{},
       {"CHOWN", "Kill", "SETFCAP", "SETPCAP", "SYS_CHROOT", "FSETID"},
       "CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETGID CAP_SETUID CAP_NET_BIND_SERVICE"},
      {{"ALL"}, {"ALL"}, "! exclude"},
      {{"CHOWN"}, {"CHOWN"}, "! both added and dropped"},
      {{"FLY"}, {}, "! unknown capability"},
      {{"CHECKPOINT_RESTORE"}, {}, "! does not have it"},
  };
  for (const Case& c : cases) {
    auto names = ContainerCapabilities(c.add, c.drop, 37);
    Expect(names ? Join(*names) : "! " + names.error().what, c.expected, Join(c.add).c_str());
  }
  EXPECT_EQ(ContainerCapabilities({"ALL"}, {}, 37)->size(), 38u);
  EXPECT_EQ(ContainerCapabilities({"ALL"}, {"SYS_ADMIN"}, 60)->size(), 40u);
  EXPECT_EQ(CapabilityNumber("CAP_CHECKPOINT_RESTORE"), 40);
  EXPECT_EQ(CapabilityName(21), "CAP_SYS_ADMIN");
}

TEST(Ulimits, WithinOurOwn) {
  std::vector<SpecRlimit> own = {
      {"RLIMIT_NOFILE", 1024, 20000}, {"RLIMIT_NPROC", 100, UINT64_MAX}, {"RLIMIT_CORE", 0, UINT64_MAX}};
  struct Case {
    std::vector<std::string> flags, defaults;
    const char* expected;
  } cases[] = {
      {{}, {}, "NOFILE=20000:20000 NPROC=1048576:1048576"},
      {{"nofile=100:200"}, {}, "NOFILE=100:200 NPROC=1048576:1048576"},
      {{"nofile=100", "nofile=7:8", "core=-1"}, {}, "NOFILE=7:8 NPROC=1048576:1048576 CORE=-1:-1"},
      {{"nproc=5"}, {"nproc=9", "nofile=3"}, "NOFILE=3:3 NPROC=5:5"},
      {{"host"}, {}, "NOFILE=1024:20000 NPROC=100:-1 CORE=0:-1"},
      {{"nofile=20001"}, {}, "! --ulimit nofile=20001: the hard limit of this user is 20000"},
      {{"nofile=-1"}, {}, "! the hard limit of this user is 20000"},
      {{}, {"nofile=30000"}, "! run.default_ulimits nofile=30000"},
      {{"nofile=5:3"}, {}, "! soft limit"},
      {{"nofile"}, {}, "! expected NAME="},
      {{"nofile=1:2:3"}, {}, "! numbers"},
      {{"nofile=x"}, {}, "! numbers"},
      {{"frobs=1"}, {}, "! invalid ulimit type"},
  };
  auto number = [](uint64_t n) { return n == UINT64_MAX ? "-1" : std::to_string(n); };
  for (const Case& c : cases) {
    auto limits = ContainerLimits(c.flags, c.defaults, own);
    std::vector<std::string> words;
    if (limits)
      for (const SpecRlimit& l : *limits)
        words.push_back(l.type.substr(7) + "=" + number(l.soft) + ":" + number(l.hard));
    Expect(limits ? Join(words) : "! " + limits.error().what, c.expected, Join(c.flags).c_str());
  }
}

TEST(HostFiles, HostsAndResolvConf) {
  TempDir root;
  ASSERT_TRUE(MakeDirectories(root / "etc"));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / "etc/hosts", "127.0.0.1 localhost # box\n10.0.0.1 site", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / "etc/resolv.conf", "nameserver 127.0.0.53", 0600));
  HostFilesRequest none{.hostname = "box", .host_root = root.path()};
  EXPECT_EQ(MakeHosts(none),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\tbox\n");
  EXPECT_EQ(MakeResolvConf(none), std::nullopt);
  EXPECT_EQ(MakeHostname(none), "box\n");
  HostFilesRequest host{.hostname = "box", .host_root = root.path()};
  host.network.mode = "host";
  EXPECT_EQ(MakeHosts(host), "127.0.0.1 localhost # box\n10.0.0.1 site\n127.0.0.1\tbox\n");
  EXPECT_EQ(MakeResolvConf(host), "nameserver 127.0.0.53\n");
  host.hostname = "site";
  EXPECT_EQ(MakeHosts(host), "127.0.0.1 localhost # box\n10.0.0.1 site\n") << "the host knows it already";
  host.host_root = root / "nothing";
  EXPECT_EQ(MakeResolvConf(host), "");
}

TEST(HostFiles, ChangesOnlyItsOwnLines) {
  EXPECT_EQ(WithChangedLines("a\nmine\nb\n", "a\nb\n", "b\nnew\n"), "mine\nb\nnew\n");
  EXPECT_EQ(WithChangedLines("", "a\n", "a\nb\n"), "b\n") << "a line that the container took out stays out";
  EXPECT_EQ(WithChangedLines("a", "a\n", "a\n"), "a\n");
  EXPECT_EQ(WithChangedLines("a\na\n", "a\n", ""), "");
}

TEST(HostFiles, OfANetworkOfItsOwn) {
  TempDir root;
  ASSERT_TRUE(MakeDirectories(root / "etc"));
  ASSERT_TRUE(MakeDirectories(root / "run/systemd/resolve"));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / "etc/hosts", "10.0.0.1 site\n", 0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / "etc/resolv.conf",
                           "search a.example\nsearch b.example\nnameserver 127.0.0.53\noptions edns0\n",
                           0600));
  ASSERT_TRUE(CreateFileAt(AT_FDCWD, root / "run/systemd/resolve/resolv.conf",
                           "nameserver 192.0.2.53\nsearch b.example c.example\n", 0600));
  HostFilesRequest own{.hostname = "box", .name = "web", .host_root = root.path()};
  own.network.mode = "slirp4netns";
  own.network.add_hosts = {"db:192.0.2.9", "outside:host-gateway", "six:fd00::1"};
  own.addresses = {"10.0.2.100", "fd00::100"};
  own.name_servers = {"10.0.2.3"};
  own.host_address = "192.0.2.2";
  EXPECT_EQ(MakeHosts(own),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n192.0.2.9\tdb\n"
            "192.0.2.2\toutside\nfd00::1\tsix\n10.0.2.100\tbox web\nfd00::100\tbox web\n"
            "192.0.2.2\thost.containers.internal\n");
  EXPECT_EQ(MakeResolvConf(own), "search b.example c.example\nnameserver 10.0.2.3\nnameserver 192.0.2.53\n");
  own.network.dns = {"9.9.9.9"};
  own.network.dns_search = {"."};
  own.network.dns_options = {"ndots:1"};
  EXPECT_EQ(MakeResolvConf(own), "nameserver 9.9.9.9\noptions ndots:1\n");
  own.network.mode = "bridge";  // whose server knows the names of containers
  EXPECT_EQ(MakeResolvConf(own), "nameserver 10.0.2.3\noptions ndots:1\n");
  own.name_servers.clear();
  EXPECT_EQ(MakeResolvConf(own), "nameserver 9.9.9.9\noptions ndots:1\n");
}

TEST(HostFiles, ChecksWhatUsersAdd) {
  for (const char* good : {"db:192.0.2.9", "db:fd00::1", "db:host-gateway"})
    EXPECT_TRUE(CheckAddedHost(good)) << good;
  for (const char* bad : {"db", ":192.0.2.9", "db:", "db:x", "d b:192.0.2.9", "d\nb:192.0.2.9"})
    EXPECT_FALSE(CheckAddedHost(bad)) << bad;
  EXPECT_TRUE(CheckNameServer("9.9.9.9"));
  EXPECT_FALSE(CheckNameServer("9.9.9.9\noptions x"));
}

TEST(HostFiles, LeavesLoopbackServersOut) {
  EXPECT_EQ(WithoutLoopbackServers("search x\nnameserver 127.0.0.53\noptions edns0\n",
                                   "nameserver 10.0.0.2\nsearch y\n"),
            "nameserver 10.0.0.2\nsearch y\n");
  EXPECT_EQ(WithoutLoopbackServers("nameserver ::1\nnameserver 9.9.9.9 # x\n;nameserver 127.0.0.1\n", ""),
            "nameserver 9.9.9.9 # x\n;nameserver 127.0.0.1\n");
}

}  // namespace
}  // namespace wolffia
